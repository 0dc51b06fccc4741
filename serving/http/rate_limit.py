"""Rate limits, counted in this process or in a Redis that several processes share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Collection
from threading import Lock
from typing import Any, NamedTuple

from limits import parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string

from churn_model.errors import InvalidParameter
from serving.http.asgi import DONE, App, Receive, Scope, Send
from serving.http.eager import in_task
from serving.http.errors import ApiError, unavailable
from serving.http.request_context import ANONYMOUS, RequestContext

_REMOVAL_SECONDS = 60.0
_STORAGE_SECONDS = 1.0


class InMemoryCounters(MemoryStorage):
    """Counters in this process, for use by any of its threads.

    ``MemoryStorage`` starts a thread a hundred times per second to remove expired counters, which
    slows down every request. This class removes them once per minute, while counting.
    """

    _last_removal = 0.0

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()

    def add_within(self, limit: Limit, key: str, amount: int) -> bool:
        """Add to a counter, whose window starts with its first request.

        Returns False, and adds nothing, if the sum would exceed the limit.
        """
        with self._lock:
            return self._add_within(limit, key, amount)

    def _add_within(self, limit: Limit, key: str, amount: int) -> bool:
        now = time.time()
        if self.expirations.get(key, 0.0) <= now:
            if now > self._last_removal + _REMOVAL_SECONDS:
                self._remove_expired(now)
            self.expirations[key] = now + limit.seconds
            self.storage[key] = 0
        total = self.storage[key] + amount
        if total > limit.amount:
            return False
        self.storage[key] = total
        return True

    def _remove_expired(self, now: float) -> None:
        self._last_removal = now
        for key in [key for key, end in self.expirations.items() if end <= now]:
            del self.expirations[key], self.storage[key]


class Limit(NamedTuple):
    """At most ``amount`` per ``seconds``; the keys of its counters start with ``prefix``."""

    amount: int
    seconds: int
    text: str
    prefix: str


class RateLimiter:
    """Limits requests and customers per client, or per IP address without an API key.

    ``unauthorized`` limits the requests without a valid key per IP address. A storage that does not
    answer within a second, or before ``seconds`` of the request are over, counts as unavailable.
    """

    def __init__(
        self,
        requests: str | None,
        rows: str | None,
        storage: str,
        unauthorized: str | None = None,
        seconds: float = 30.0,
    ) -> None:
        self.seconds = seconds
        self.requests = _limit("rate_limit", requests)
        self.rows = _limit("rate_limit_rows", rows)
        self.unauthorized = _limit("rate_limit_unauthorized", unauthorized)
        try:
            self._is_async = not storage.startswith("memory")
            self.storage: Any = _redis_storage(storage) if self._is_async else InMemoryCounters()
        except Exception as error:
            raise InvalidParameter(f"--rate-limit-storage: {error}") from None

    def count_request(self, scope: Scope) -> Awaitable[None]:
        """Count a request. Raises ApiError 429 over the limit."""
        return DONE if self.requests is None else self._hit(self.requests, scope, 1)

    def count_rows(self, scope: Scope, rows: int) -> Awaitable[None]:
        """Count the customers of a request if the limit admits all of them, otherwise none.

        Raises ApiError 413 for more than the limit ever admits, and 429 for more than it admits
        now.
        """
        if self.rows is None or not rows:
            return DONE
        _reject_always(self.rows, rows)
        return self._hit(self.rows, scope, rows)

    @property
    def counts_rows_elsewhere(self) -> bool:
        """Whether customers are counted outside this process."""
        return self._is_async and self.rows is not None

    def count_rows_here(self, scope: Scope, rows: int) -> None:
        """As ``count_rows``, from any thread, unless ``counts_rows_elsewhere``."""
        if self.rows is not None and rows:
            _reject_always(self.rows, rows)
            self._hit_in_memory(self.rows, self.rows.prefix + rate_limit_key(scope), rows)

    def count_unauthorized(self, scope: Scope) -> Awaitable[None]:
        """Count a request without a valid API key. Raises ApiError 429 over the limit."""
        return DONE if self.unauthorized is None else self._hit(self.unauthorized, scope, 1)

    def _hit(self, limit: Limit, scope: Scope, cost: int) -> Awaitable[None]:
        """Count in a fixed window that starts with its first request. Raises ApiError."""
        key = limit.prefix + rate_limit_key(scope)
        if self._is_async:
            return self._hit_in_redis(limit, key, cost, scope["context"].started)
        self._hit_in_memory(limit, key, cost)
        return DONE

    def _hit_in_memory(self, limit: Limit, key: str, cost: int) -> None:
        if not self.storage.add_within(limit, key, cost):
            raise _exceeded(limit, self.storage.get_expiry(key))

    async def _hit_in_redis(self, limit: Limit, key: str, cost: int, started: float) -> None:
        await in_task()
        left = started + self.seconds - time.perf_counter()
        try:
            ends = await asyncio.wait_for(
                _end_if_over(self.storage, limit, key, cost), min(left, _STORAGE_SECONDS)
            )
        except (StorageError, asyncio.TimeoutError):
            raise unavailable(
                "the rate limit storage is unavailable; try again in a moment"
            ) from None
        if ends is not None:
            raise _exceeded(limit, ends)


def _reject_always(limit: Limit, rows: int) -> None:
    """Raise ApiError 413 for more customers than a limit ever admits."""
    if rows > limit.amount:
        raise ApiError(
            413,
            f"{rows} customers exceed the rate limit of {limit.text}; send fewer in each request",
        )


def _exceeded(limit: Limit, ends: float) -> ApiError:
    """The reply to a request over a limit whose window ends at this time."""
    pause = max(1, round(ends - time.time() + 0.5))
    return ApiError(
        429,
        f"rate limit of {limit.text} exceeded; try again in {pause} s",
        headers=[(b"retry-after", str(pause).encode())],
    )


async def _end_if_over(storage: Any, limit: Limit, key: str, amount: int) -> float | None:
    if await _add_within(storage, limit, key, amount):
        return None
    return float(await storage.get_expiry(key))


async def _add_within(storage: Any, limit: Limit, key: str, amount: int) -> bool:
    """Add to a counter in Redis; False, and nothing added, if the sum would exceed the limit.

    Redis adds and returns the sum in one step. If other servers have used up the limit between the
    check and this step, the amount is taken back. An amount of 1 can stay: it is over the limit
    only if the limit is used up.
    """
    if amount > 1 and await storage.get(key) + amount > limit.amount:
        return False
    if await storage.incr(key, limit.seconds, amount) <= limit.amount:
        return True
    if amount > 1 and await storage.incr(key, limit.seconds, -amount) < 0:
        await storage.clear(key)  # the window has ended in between
    return False


def _redis_storage(uri: str) -> Any:
    """The storage of a Redis server. Raises InvalidParameter for any other URI."""
    if not uri.startswith(("redis://", "rediss://", "redis+unix://")):
        raise InvalidParameter(f"{uri} is not memory:// or redis://host:port")
    return storage_from_string(f"async+{uri}", implementation="redispy", wrap_exceptions=True)


def _limit(setting: str, text: str | None) -> Limit | None:
    if not text:
        return None
    flag = setting.replace("_", "-")
    try:
        item = parse(text)
    except ValueError:
        raise InvalidParameter(
            f"--{flag} {text}: is not a rate limit; write it as 600/minute"
        ) from None
    return Limit(item.amount, item.get_expiry(), str(item), f"churn/{flag}/{item}/")


def rate_limit_key(scope: Scope) -> str:
    """The name that a limit counts by: the API key's client, or else the IP address."""
    context: RequestContext = scope["context"]
    if context.client != ANONYMOUS:
        return context.client
    address = scope.get("client")
    return f"address:{address[0]}" if address else "address:unknown"


class RateLimitMiddleware:
    """Counts each request against the rate limit, except those to ``exempt_paths``."""

    def __init__(self, app: App, limiter: RateLimiter, exempt_paths: Collection[str]) -> None:
        self.app = app
        self.limiter = limiter
        self.exempt_paths = frozenset(exempt_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and scope["path"] not in self.exempt_paths:
            await self.limiter.count_request(scope)
        await self.app(scope, receive, send)
