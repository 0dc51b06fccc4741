"""The middleware, outermost first; each is a plain ASGI class."""

from __future__ import annotations

import logging
from collections.abc import Collection

from churn_model.errors import ChurnError
from serving.http import errors
from serving.http.api_keys import ApiKeys
from serving.http.asgi import App, Message, Receive, Scope, Send, reply
from serving.http.body_reader import Disconnected
from serving.http.errors import ApiError
from serving.http.executor import Capacity
from serving.http.request_context import RequestContext
from serving.http.request_log import RequestLog

_logger = logging.getLogger("serving")
_CLIENT_DISCONNECTED = 499  # appears in the log only; the client is gone


class RequestContextMiddleware:
    """Adds the request id, a log line and metrics; turns every exception into the error body."""

    def __init__(self, app: App, request_log: RequestLog) -> None:
        self.app = app
        self.request_log = request_log

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


class ApiKeyMiddleware:
    """Requires an API key (``X-API-Key`` or ``Authorization: Bearer``) except on open paths."""

    def __init__(self, app: App, keys: ApiKeys, open_paths: Collection[str]) -> None:
        self.app = app
        self.keys = keys
        self.open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            context: RequestContext = scope["context"]
            key = _key(context)
            client = None if key is None else self.keys.client(key)
            if client is not None:
                context.client = client
            elif scope["path"] not in self.open_paths:
                message = (
                    "this route requires an API key; send it as X-API-Key"
                    if key is None
                    else "the API key is unknown"
                )
                raise ApiError(401, message, headers=[(b"www-authenticate", b"Bearer")])
        await self.app(scope, receive, send)


def _key(context: RequestContext) -> bytes | None:
    key = context.headers.get(b"x-api-key")
    if key is not None:
        return key
    scheme, _, token = context.headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else None


class ConcurrencyLimitMiddleware:
    """Limits how many requests are handled at once; the next one gets 503 immediately."""

    def __init__(self, app: App, capacity: Capacity, exempt_paths: Collection[str]) -> None:
        self.app = app
        self.capacity = capacity
        self.exempt_paths = frozenset(exempt_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"] in self.exempt_paths:
            await self.app(scope, receive, send)
            return
        self.capacity.acquire()
        try:
            await self.app(scope, receive, send)
        finally:
            self.capacity.release()
