"""uvicorn's HTTP protocol, with limits for connections and request heads."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.http import errors
from serving.http.connections import ConnectionWatch
from serving.http.errors import ApiError
from serving.http.request_context import new_request_id
from serving.http.transport import BufferedTransport

_logger = logging.getLogger("serving.connections")

_MOST_PIPELINED = 100
_IGNORED_IN_UPGRADES = frozenset((b"connection", b"upgrade", b"http2-settings"))


class LimitedHttpProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol on a BufferedTransport, under ConnectionLimits.

    A request to upgrade to another protocol is answered in HTTP/1.1, as RFC 9110 (section 7.8)
    allows. The parser would take what follows its headers for the other protocol, lose the body
    and read the next packet as a new request.
    """

    def __init__(self, *, watch: ConnectionWatch, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.watch = watch
        self._most_head_bytes = watch.limits.head_bytes
        self.waiting_since: float | None = None
        self.has_part = False
        self.has_served = False
        self._in_head = self._in_body = self._has_progress = False
        self._head_bytes = self._unreported_bytes = 0
        self._rejection: ApiError | None = None
        self._is_upgrade = False

    def connection_made(self, transport: Any) -> None:
        """Called by asyncio."""
        buffered: Any = BufferedTransport(transport, self.loop, self.tasks)
        super().connection_made(buffered)
        self.waiting_since = self.loop.time()
        self.watch.opened(self, self.loop, self.connections)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._unset_keepalive_if_required()
        if self.waiting_since is not None and not self.has_part:
            self.has_part = True
            self.waiting_since = self.loop.time()
        self._has_progress = False
        self._feed(data)
        is_head_only = self._in_head and self.waiting_since is not None
        if self._has_progress and not is_head_only:
            self._unreported_bytes = 0
        else:  # the parser keeps a header or trailer in memory until it is complete
            self._unreported_bytes += len(data)
            if self._unreported_bytes > self._most_head_bytes:
                self._close_with(self._head_too_large())

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._continue_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._close_with(self._rejection or ApiError(400, "this is not a valid HTTP request"))

    def _continue_without_upgrade(self, rest: bytes) -> None:
        """Parse the head again, without the headers that ask for another protocol."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._close_with(ApiError(400, "this server is not a proxy"))
            return
        kept = [header for header in self.headers if header[0] not in _IGNORED_IN_UPGRADES]
        if not self.parser.should_keep_alive():
            kept.append((b"connection", b"close"))
        lines = [method + b" " + self.url + b" HTTP/1.1", *map(b": ".join, kept)]
        self.parser = httptools.HttpRequestParser(self)
        self._feed(b"\r\n".join(lines) + b"\r\n\r\n")
        if rest and not self.transport.is_closing():
            self._feed(rest)

    # --- called by the parser: the hot path, so these repeat uvicorn's few lines -----------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = self._has_progress = True
        self._head_bytes = self._unreported_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the request line has arrived."""
        self._head_bytes += len(url)
        if self._head_bytes > self._most_head_bytes:
            self._reject(self._head_too_large())
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has arrived, or a trailer after a chunked body, which is ignored."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self._most_head_bytes:
            self._reject(self._head_too_large())
        if self._in_head:
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The request can be handled."""
        self._in_head = False
        self._has_progress = self._in_body = True
        self._is_upgrade = self.parser.should_upgrade()
        if self._is_upgrade:
            return
        if len(self.pipeline) >= _MOST_PIPELINED:
            self._reject(ApiError(503, "too many requests are waiting on this connection"))
        self.waiting_since = None
        self.has_part = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body has arrived."""
        self._has_progress = True
        cycle = self.cycle
        if self._is_upgrade or cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """The body is complete."""
        self._has_progress = True
        self._in_body = False
        if self._is_upgrade or self.cycle.response_complete:
            return
        self.cycle.more_body = False
        self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """A reply was written."""
        self.has_served = True
        if not self.pipeline:
            self.waiting_since = self.loop.time()
            self.has_part = self._in_head or self._in_body
        super().on_response_complete()

    def _head_too_large(self) -> ApiError:
        return ApiError(431, f"the headers are larger than {self._most_head_bytes} bytes")

    def _reject(self, error: ApiError) -> None:
        """Stop parsing; ``_feed`` then replies with the error."""
        self._rejection = error
        raise ConnectionAbortedError  # an exception in a callback ends the parser's work

    # --- called by ConnectionWatch --------------------------------------------------------------

    def is_closing(self) -> bool:
        """Whether it was closed already."""
        return self.transport.is_closing()

    def unread(self) -> int:
        """The bytes of replies that the client has not read yet."""
        return int(self.transport.get_write_buffer_size())

    def close_waiting(self, error: ApiError | None) -> None:
        """Close a connection that waits for a request, after replying with an error if given."""
        if error is None:
            self.transport.close()
        else:
            self._close_with(error)

    def abort(self) -> None:
        """Close at once; unread replies are lost."""
        self.transport.abort()

    def _close_with(self, error: ApiError) -> None:
        """Close; reply with an error first, unless it would be taken for the reply to a request."""
        is_answered = self.cycle is None or self.cycle.response_complete
        if is_answered and not self._in_body:
            self.transport.write(_whole_reply(error))
        self.transport.close()


def _whole_reply(error: ApiError) -> bytes:
    request_id = new_request_id()
    body = errors.body(error, request_id.decode())
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        (b"x-request-id", request_id),
        *error.headers,
    ]
    status = b"HTTP/1.1 %d %s" % (error.status, HTTPStatus(error.status).phrase.encode())
    lines = [status, *(name + b": " + value for name, value in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
