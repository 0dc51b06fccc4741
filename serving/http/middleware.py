"""Middleware as plain ASGI classes; ``serving.app`` puts them in order, with the rate limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection
from http import HTTPStatus

from churn_model.errors import ChurnError
from serving.http import errors
from serving.http.api_keys import ReloadedKeys
from serving.http.asgi import App, Message, Receive, Scope, Send, reply
from serving.http.body_reader import BodyBudget, Disconnected
from serving.http.errors import ApiError, unavailable
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

        def send_with_id(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                context.status = message["status"]
                message["headers"].append((b"x-request-id", context.request_id))
                if context.trace is not None:
                    message["headers"].append((b"traceparent", context.trace.header))
            return send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except BaseException as error:
            rejection = self._rejection(error, context)
            if rejection is not None and not context.status:  # a reply that has started stays
                context.field_errors = rejection.counts
                content = errors.body(rejection, context.request_id.decode())
                await reply(send_with_id, rejection.status, content, headers=rejection.headers)
        finally:
            self.budget.release(context)
            context.end()
            self.request_log.add(context)

    def _rejection(self, error: BaseException, context: RequestContext) -> ApiError | None:
        """The reply to a request that failed; None if the client is gone."""
        if isinstance(error, ApiError):
            return error
        if isinstance(error, Disconnected):
            context.status = _CLIENT_DISCONNECTED
            return None
        if isinstance(error, asyncio.CancelledError):  # the server does not wait any longer
            return unavailable("the server is shutting down")
        if not isinstance(error, Exception):
            raise error
        if isinstance(error, ChurnError):
            rejection = errors.to_api_error(error)
        else:
            rejection = ApiError(500, "internal error")
        if rejection.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self._log_exception(context)
        return rejection

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
    """The key that was sent; an empty header counts as absent."""
    key = context.headers.get(b"x-api-key")
    if key:
        return key
    scheme, _, token = context.headers.get(b"authorization", b"").partition(b" ")
    return token.strip() or None if scheme.lower() == b"bearer" else None
