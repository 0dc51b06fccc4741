"""Rate limits, counted in this process or in a Redis that several share."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any, NamedTuple

from limits import parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string

from churn_model.errors import InvalidParameter
from serving.http.asgi import App, Receive, Scope, Send
from serving.http.errors import ApiError, unavailable
from serving.http.request_context import ANONYMOUS, RequestContext

_SWEEP_SECONDS = 60.0


class InMemoryCounters(MemoryStorage):
    """Counts in this process, for the event loop alone.

    The library's own starts a thread a hundred times a second to drop what has expired, and every
    request would wait for those threads; here that is done once a minute, in passing.
    """

    _swept = 0.0

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count, in a window that begins with its first request."""
        now = time.time()
        if self.expirations.get(key, 0.0) <= now:
            if now > self._swept + _SWEEP_SECONDS:
                self._sweep(now)
            self.expirations[key] = now + expiry
            self.storage[key] = 0
        self.storage[key] += amount
        return self.storage[key]

    def _sweep(self, now: float) -> None:
        self._swept = now
        for key in [key for key, end in self.expirations.items() if end <= now]:
            del self.expirations[key], self.storage[key]


class Limit(NamedTuple):
    """At most ``amount`` in ``seconds``; the keys of its counters begin with ``prefix``."""

    amount: int
    seconds: int
    text: str
    prefix: str


class RateLimiter:
    """Rate limits of requests and of rows, by client, or by IP address without an API key."""

    def __init__(self, requests: str | None, rows: str | None, storage: str) -> None:
        self.requests = _limit("rate_limit", requests)
        self.rows = _limit("rate_limit_rows", rows)
        try:
            # only a storage outside this process is awaited
            self.is_async = not storage.startswith("memory")
            self.storage: Any = _redis_storage(storage) if self.is_async else InMemoryCounters()
        except Exception as error:
            raise InvalidParameter(f"--rate-limit-storage: {error}") from None

    async def count_request(self, scope: Scope) -> None:
        """Count a request. Raises ApiError 429 over the limit."""
        if self.requests is not None:
            await self._hit(self.requests, rate_limit_key(scope), 1)

    async def count_rows(self, scope: Scope, rows: int) -> None:
        """Count the customers of a request. Raises ApiError 429 over the limit."""
        if self.rows is not None and rows:
            await self._hit(self.rows, rate_limit_key(scope), rows)

    async def _hit(self, limit: Limit, client: str, cost: int) -> None:
        """Count in a fixed window, which starts with its first request."""
        key = limit.prefix + client
        try:
            count = self.storage.incr(key, limit.seconds, amount=cost)
            if (await count if self.is_async else count) <= limit.amount:
                return
            expiry = self.storage.get_expiry(key)
            ends = await expiry if self.is_async else expiry
        except StorageError:
            raise unavailable("the rate limit storage is not available; try again") from None
        pause = max(1, round(ends - time.time() + 0.5))
        raise ApiError(
            429,
            f"over the limit of {limit.text}; try again in {pause} s",
            headers=[(b"retry-after", str(pause).encode())],
        )


def _redis_storage(uri: str) -> Any:
    """A storage outside this process. Raises InvalidParameter for any but Redis."""
    if not uri.startswith(("redis://", "rediss://", "redis+unix://")):
        raise InvalidParameter("write it as memory:// or redis://host:port")
    return storage_from_string(f"async+{uri}", implementation="redispy", wrap_exceptions=True)


def _limit(setting: str, text: str | None) -> Limit | None:
    if not text:
        return None
    flag = setting.replace("_", "-")
    try:
        item = parse(text)
    except ValueError:
        raise InvalidParameter(f"--{flag} {text}: write it as 600/minute") from None
    return Limit(item.amount, item.get_expiry(), str(item), f"churn/{flag}/{item}/")


def rate_limit_key(scope: Scope) -> str:
    """What a limit counts by: the client of the API key, or else the IP address."""
    context: RequestContext = scope["context"]
    if context.client != ANONYMOUS:
        return context.client
    address = scope.get("client")
    return f"address:{address[0]}" if address else "address:unknown"


class RateLimitMiddleware:
    """Counts each request before it is handled; ``exempt_paths`` are not counted."""

    def __init__(self, app: App, limiter: RateLimiter, exempt_paths: Collection[str]) -> None:
        self.app = app
        self.limiter = limiter
        self.exempt_paths = frozenset(exempt_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and scope["path"] not in self.exempt_paths:
            await self.limiter.count_request(scope)
        await self.app(scope, receive, send)
