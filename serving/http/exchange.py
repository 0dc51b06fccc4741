"""One request and its reply: the ASGI side of a connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl

from serving.http.asgi import DONE, App, Header, Message, Scope

_logger = logging.getLogger("serving.connections")

_CLOSE = (b"connection", b"close")
_LARGE = 65_536
"""Bodies from this size on are written separately: joining would copy them."""


class Replier(Protocol):
    """What an exchange needs of its connection."""

    transport: asyncio.Transport
    flow: FlowControl
    tasks: set[asyncio.Task[None]]
    """The requests that are worked on."""
    message_event: asyncio.Event
    """Set when a part of a body has arrived, or when the connection is lost."""

    def default_headers(self) -> list[Header]:
        """The headers of all replies."""

    def resume_reading(self) -> None:
        """Read more of the request, if reading was paused."""

    def on_response_complete(self) -> None:
        """The reply was written."""


class Exchange:
    """A request, whose body may still arrive, and its reply, which is written in one piece.

    All replies of this server have one part and a ``Content-Length``. uvicorn's own class writes
    headers and body separately, which costs a second system call, and checks each header with
    regular expressions.
    """

    __slots__ = (
        "_connection",
        "_has_read",
        "_parts",
        "_start",
        "body_bytes",
        "disconnected",
        "expects_continue",
        "keep_alive",
        "message_event",
        "more_body",
        "response_complete",
        "scope",
        "task",
    )

    def __init__(
        self, connection: Replier, scope: Scope, *, keep_alive: bool, expects_continue: bool
    ) -> None:
        self._connection = connection
        self.scope = scope
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue
        self.message_event = connection.message_event
        self.task: asyncio.Task[None] | None = None
        self._parts: list[bytes] = []
        self.body_bytes = 0
        """Bytes of the body that the application has not read yet."""
        self.more_body = True
        self._has_read = False
        self._start: Message | None = None
        self.disconnected = self.response_complete = False

    def add(self, part: bytes) -> None:
        """A part of the body has arrived."""
        self._parts.append(part)
        self.body_bytes += len(part)

    def offer_body(self) -> None:
        """Give the application the complete body with the scope, so that it need not receive it."""
        if not self.disconnected:
            parts = self._parts
            self.scope["body"] = parts[0] if len(parts) == 1 else b"".join(parts)

    async def run(self, app: App) -> None:
        """Let the application reply."""
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException:
            _logger.exception("the application failed")
        finally:
            if self.task is not None:
                self._connection.tasks.discard(self.task)
        if not (self.response_complete or self.disconnected):
            self._connection.transport.close()

    async def receive(self) -> Message:
        """ASGI; waits for the next part of the body, or for the end of the connection."""
        while not (self._parts or self.disconnected or self.response_complete):
            if not (self.more_body or self._has_read):
                break  # the end of the body, which may be empty
            await self._wait()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body = b"".join(self._parts)
        self._parts = []
        self.body_bytes = 0
        self._has_read = not self.more_body
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def _wait(self) -> None:
        if self.expects_continue and not self._connection.transport.is_closing():
            self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.expects_continue = False
        self.message_event.clear()
        self._connection.resume_reading()
        await self.message_event.wait()

    def send(self, message: Message) -> Awaitable[None]:
        """ASGI; the start of the reply is written with its body.

        Raises RuntimeError for a body in several parts, or for a second reply.
        """
        start = self._start
        is_start = message["type"] == "http.response.start"
        if is_start and start is None:
            self._start = message
            return DONE
        if is_start or start is None or self.response_complete or message.get("more_body", False):
            raise RuntimeError("a reply has one start and one body")
        body: bytes = message.get("body", b"")
        if self.disconnected:
            return DONE
        if self._connection.flow.write_paused:
            return self._write_later(start, body)
        self._write(start, body)
        return DONE

    async def _write_later(self, start: Message, body: bytes) -> None:
        """Write as soon as the client has read enough of the previous replies."""
        await self._connection.flow.drain()
        if not self.disconnected:
            self._write(start, body)

    def _write(self, start: Message, body: bytes) -> None:
        connection = self._connection
        status, headers = start["status"], start["headers"]
        if status >= HTTPStatus.BAD_REQUEST and _CLOSE in headers:
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append(_CLOSE)
        head = reply_head(status, connection.default_headers(), headers)
        if self.scope["method"] == "HEAD":
            body = b""
        if len(body) < _LARGE:
            connection.transport.write(head + body)
        else:
            connection.transport.write(head)
            connection.transport.write(body)
        self.response_complete = True
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()


def reply_head(status: int, default: list[Header], headers: list[Header]) -> bytes:
    """The status line and the headers of a reply, up to the blank line.

    Raises RuntimeError for a header that contains a line break.
    """
    lines = [_opening(status, *default), *map(b": ".join, headers), b"\r\n"]
    head = b"\r\n".join(lines)
    count = len(default) + len(lines)
    if head.count(b"\n") != count or head.count(b"\r") != count:
        raise RuntimeError("a header contains a line break")
    return head


@lru_cache(maxsize=32)
def _opening(status: int, *headers: Header) -> bytes:
    """The part of a reply that is the same for a second: status line and default headers."""
    status_line = b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode())
    return b"\r\n".join([status_line, *map(b": ".join, headers)])
