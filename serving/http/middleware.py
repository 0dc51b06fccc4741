"""Middleware as plain ASGI classes; ``serving.app`` puts them in order, with the rate limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from churn_model.errors import ChurnError
from serving.http import errors
from serving.http.api_keys import ReloadedKeys
from serving.http.asgi import App, Message, Receive, Scope, Send, reply
from serving.http.body_reader import BodyBudget, Disconnected
from serving.http.errors import ApiError, unavailable
from serving.http.executor import Capacity
from serving.http.rate_limit import RateLimiter
from serving.http.request_context import RequestContext
from serving.http.request_log import RequestLog

_logger = logging.getLogger("serving")
_CLIENT_DISCONNECTED = 499  # appears in the log only; the client is gone


class RequestContextMiddleware:
    """Adds the request id, a log line and metrics; turns every exception into the error body."""

    def __init__(self, app: App, request_log: RequestLog, budget: BodyBudget) -> None:
        self.app = app
        self.request_log = request_log
        self.budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = scope["context"] = RequestContext(scope)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                context.status = message["status"]
                message["headers"].append((b"x-request-id", context.request_id))
            await send(message)

        try:
            await self._run(scope, receive, send_with_id, context)
        finally:
            self.budget.release(context)
            context.end()
            self.request_log.add(context)

    async def _run(
        self, scope: Scope, receive: Receive, send: Send, context: RequestContext
    ) -> None:
        try:
            await self.app(scope, receive, send)
            return
        except Disconnected:
            context.status = _CLIENT_DISCONNECTED
            return
        except ApiError as error:
            rejection = error
        except ChurnError as error:
            rejection = errors.to_api_error(error)
            if rejection.status == 500:
                self._log_exception(context)
        except asyncio.CancelledError:  # the server does not wait any longer
            rejection = unavailable("the server is shutting down")
        except Exception:
            rejection = ApiError(500, "internal error")
            self._log_exception(context)
        if context.status:
            return  # the reply has started, so its status cannot change
        context.field_errors = rejection.counts
        content = errors.body(rejection, context.request_id.decode())
        await reply(send, rejection.status, content, headers=rejection.headers)

    def _log_exception(self, context: RequestContext) -> None:
        _logger.exception("request failed", extra={"request_id": context.request_id.decode()})


class RootPathMiddleware:
    """Removes the path under which a proxy serves the application from the path of requests.

    Some proxies remove it themselves, so a path without it is valid as well.
    """

    def __init__(self, app: App, root_path: str) -> None:
        self.app = app
        self.root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            scope["root_path"] = self.root_path
            path: str = scope["path"]
            if path.startswith(f"{self.root_path}/"):
                scope["path"] = path.removeprefix(self.root_path)
        await self.app(scope, receive, send)


class ApiKeyMiddleware:
    """Requires an API key (``X-API-Key`` or ``Authorization: Bearer``) except on open paths.

    Requests without a valid key are limited by IP address, so that keys cannot be guessed quickly.
    """

    def __init__(
        self, app: App, keys: ReloadedKeys, limiter: RateLimiter, open_paths: Collection[str]
    ) -> None:
        self.app = app
        self.keys = keys
        self.limiter = limiter
        self.open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            context: RequestContext = scope["context"]
            key = _key(context)
            client = None if key is None else self.keys.current.client(key)
            if client is not None:
                context.client = client
            elif scope["path"] not in self.open_paths:
                await self.limiter.count_unauthorized(scope)
                headers = [(b"www-authenticate", b"Bearer")]
                raise ApiError(401, self._reason(key), headers=headers)
        await self.app(scope, receive, send)

    def _reason(self, key: bytes | None) -> str:
        if key is None:
            return "this route requires an API key; send it as X-API-Key"
        if self.keys.current.has_expired(key):
            return "the API key has expired"
        return "the API key is unknown"


def _key(context: RequestContext) -> bytes | None:
    key = context.headers.get(b"x-api-key")
    if key is not None:
        return key
    scheme, _, token = context.headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else None


class ConcurrencyLimitMiddleware:
    """Limits how many requests are worked on at once; the next one gets 503 immediately.

    The work begins when the body is complete and ends when the reply begins, so that a client that
    sends its request slowly, or does not read the reply, does not count. ``paths``: the routes that
    work; all others reply at any time.
    """

    def __init__(self, app: App, capacity: Capacity, paths: Collection[str]) -> None:
        self.app = app
        self.capacity = capacity
        self.paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"] not in self.paths:
            await self.app(scope, receive, send)
            return
        self.capacity.check()
        work = _Work(self.capacity, receive, send)
        try:
            await self.app(scope, work.receive, work.send)
        finally:
            work.end()


class _Work:
    """Counts a request from the end of its body to the start of its reply."""

    __slots__ = ("_capacity", "_counted", "_receive", "_send")

    def __init__(self, capacity: Capacity, receive: Receive, send: Send) -> None:
        self._capacity = capacity
        self._receive = receive
        self._send = send
        self._counted = False

    async def receive(self) -> Message:
        """ASGI; the work begins when the last part of the body has arrived."""
        message = await self._receive()
        if not message.get("more_body", False) and message["type"] == "http.request":
            self._capacity.acquire()
            self._counted = True
        return message

    async def send(self, message: Message) -> None:
        """ASGI; the work ends when the reply begins."""
        self.end()
        await self._send(message)

    def end(self) -> None:
        """The work has ended, if it had begun."""
        if self._counted:
            self._counted = False
            self._capacity.release()
