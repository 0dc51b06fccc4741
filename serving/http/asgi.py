"""What all handlers share: a request's facts, its body, and replies. Plain ASGI."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from time import perf_counter, time
from typing import Any, TypeAlias

from churn_model.errors import FieldError
from serving.http.errors import ApiError

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

JSON = b"application/json"
ANONYMOUS = "-"
_random = random.Random()
_VALID_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class Disconnected(Exception):
    """The caller went away before the request was whole."""


class RequestContext:
    """The facts of one request, filled in on its way; the log and the metrics read them."""

    __slots__ = (
        "client",
        "ended",
        "headers",
        "method",
        "probability",
        "refused",
        "request_id",
        "route",
        "rows",
        "seconds",
        "started",
        "status",
        "version",
    )

    def __init__(self, scope: Scope) -> None:
        self.started = perf_counter()
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = _request_id(self.headers.get(b"x-request-id"))
        self.method: str = scope["method"]
        self.client = ANONYMOUS
        self.route = "other"
        self.rows = 0
        self.status = 0
        self.version: str | None = None
        self.probability: Any = None
        self.refused: tuple[FieldError, ...] = ()
        self.ended = self.seconds = 0.0

    def end(self) -> None:
        """Take the time; what only the request itself needs is let go."""
        self.seconds = perf_counter() - self.started
        self.ended = time()
        self.headers = {}


def _request_id(sent: bytes | None) -> bytes:
    """The caller's own id where it is well-formed, else a new one of 128 random bits.

    Nothing is guarded by an id, so the bits come without a system context.
    """
    if sent is not None and _VALID_REQUEST_ID.fullmatch(sent):
        return sent
    return b"%032x" % _random.getrandbits(128)


class RequestBodyReader:
    """Ends the wait for bodies that do not arrive.

    One watch for all requests looks once a second, because a timer for each would cost more than
    reading a body does.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def watch(self) -> None:
        """Look after the waiting requests, for ever."""
        self._loop = asyncio.get_running_loop()
        pause = min(1.0, self.seconds / 4)
        while True:
            await asyncio.sleep(pause)
            latest = perf_counter() - self.seconds
            for task, since in list(self._waiting.items()):
                if since < latest:
                    del self._waiting[task]
                    task.cancel()

    async def read_body(self, context: RequestContext, receive: Receive, most: int) -> bytes:
        """The whole body.

        Raises ApiError 413 over ``most`` bytes, declared or streamed (a length may be absent, or a
        lie), 408 where it does not arrive in time; Disconnected.
        """
        # named, because finding the running loop costs a system call before Python 3.12
        task = asyncio.current_task(self._loop)
        assert task is not None
        self._waiting[task] = context.started
        try:
            return await _read_body(context, receive, most)
        except asyncio.CancelledError:
            if task in self._waiting:
                raise  # somebody else's cancellation: the server is ending
            if hasattr(task, "uncancel"):  # Python 3.11
                task.uncancel()
            raise ApiError(408, f"the body did not arrive within {self.seconds:g} s") from None
        finally:
            self._waiting.pop(task, None)


async def _read_body(context: RequestContext, receive: Receive, most: int) -> bytes:
    declared = context.headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > most:
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(most: int) -> ApiError:
    return ApiError(
        413,
        f"the body is over {most} bytes; send fewer customers",
        headers=[(b"connection", b"close")],
    )


async def reply(
    send: Send,
    status: int,
    body: bytes,
    content_type: bytes = JSON,
    headers: Sequence[Header] = (),
) -> None:
    """Send a whole reply."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type),
                (b"content-length", str(len(body)).encode()),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
