"""What surrounds the routes, outermost first; each is a small plain-ASGI class."""

from __future__ import annotations

import logging
from collections.abc import Collection

from churn_model.errors import ChurnError
from serving.http import errors
from serving.http.api_keys import Keys
from serving.http.asgi import App, Call, Disconnected, Message, Receive, Scope, Send, reply
from serving.http.errors import ApiError
from serving.http.executor import Capacity
from serving.http.request_log import Ledger

_logger = logging.getLogger("serving")
_GONE = 499  # nobody is there to read a status; this one is for the log


class Outermost:
    """Request id, one log line, metrics; and every error as the one error body."""

    def __init__(self, app: App, ledger: Ledger) -> None:
        self.app = app
        self.ledger = ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = scope["call"] = Call(scope)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                message["headers"].append((b"x-request-id", call.request_id))
            await send(message)

        try:
            await self._run(scope, receive, send_with_id, call)
        finally:
            call.end()
            self.ledger.note(call)

    async def _run(self, scope: Scope, receive: Receive, send: Send, call: Call) -> None:
        try:
            await self.app(scope, receive, send)
            return
        except Disconnected:
            call.status = _GONE
            return
        except ApiError as error:
            refused = error
        except ChurnError as error:
            refused = errors.refusal(error)
            if refused.status == 500:
                self._log_fault(call)
        except Exception:
            refused = ApiError(500, "internal error")
            self._log_fault(call)
        if call.status:
            return  # it began to reply before it failed: nothing more can be said
        call.refused = refused.errors
        content = errors.body(refused, call.request_id.decode())
        await reply(send, refused.status, content, headers=refused.headers)

    def _log_fault(self, call: Call) -> None:
        _logger.exception("request failed", extra={"request_id": call.request_id.decode()})


class Guard:
    """API keys: ``X-API-Key`` or ``Authorization: Bearer``, on all routes but the open ones."""

    def __init__(self, app: App, keys: Keys, open_paths: Collection[str]) -> None:
        self.app = app
        self.keys = keys
        self.open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            call: Call = scope["call"]
            key = _key(call)
            found = None if key is None else self.keys.client(key)
            if found is not None:
                call.client = found
            elif scope["path"] not in self.open_paths:
                said = (
                    "send an API key as X-API-Key" if key is None else "this API key is not known"
                )
                raise ApiError(401, said, headers=[(b"www-authenticate", b"Bearer")])
        await self.app(scope, receive, send)


def _key(call: Call) -> bytes | None:
    key = call.headers.get(b"x-api-key")
    if key is not None:
        return key
    scheme, _, token = call.headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else None


class Turnstile:
    """At most so many requests at work at once; the next one gets 503 at once."""

    def __init__(self, app: App, capacity: Capacity, free: Collection[str]) -> None:
        self.app = app
        self.capacity = capacity
        self.free = frozenset(free)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"] in self.free:
            await self.app(scope, receive, send)
            return
        self.capacity.take()
        try:
            await self.app(scope, receive, send)
        finally:
            self.capacity.give_back()
