"""HTTP/1.1 connections: uvicorn's protocol, with limits for connections and request heads."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.http import errors
from serving.http.asgi import Header, Scope
from serving.http.connections import ConnectionWatch
from serving.http.eager import run_eagerly
from serving.http.errors import ApiError
from serving.http.exchange import Exchange, reply_head
from serving.http.known_heads import CHECKED
from serving.http.request_context import new_request_id
from serving.http.tls import ServerConfig, start_tls
from serving.http.transport import BufferedTransport

_SLICE = 2048
"""Bytes that are parsed at once, except in a body: at most about a hundred requests."""

_IGNORED_IN_UPGRADES = frozenset((b"connection", b"upgrade", b"http2-settings"))
_ASGI = {"version": "3.0", "spec_version": "2.3"}


class LimitedHttpProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol under ConnectionLimits; each request is an Exchange.

    Requests that a client sends ahead are answered in order. Once one of them waits for its turn,
    nothing more is parsed or read.

    A request to upgrade to another protocol is answered in HTTP/1.1, as RFC 9110 (section 7.8)
    allows. The parser would take what follows its headers for the other protocol, lose the body
    and read the next packet as a new request.
    """

    config: ServerConfig
    cycle: Exchange | None  # type: ignore[assignment]

    def __init__(self, *, watch: ConnectionWatch, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.watch = watch
        self.message_event = asyncio.Event()
        self._most_head_bytes = watch.limits.head_bytes
        self.waiting_since: float | None = None
        self.has_part = False
        self.has_served = False
        self._awaits_tls = False
        self._handshake: asyncio.Task[None] | None = None
        self._position: Literal["between", "head", "body"] = "between"
        """Where the parser is: between requests, or in one."""
        self._unreported_bytes = 0
        """Bytes received since the parser last reported the end of a head or a part of a body."""
        self._is_pipelined = False
        """Whether the head began in a packet that began with something else."""
        self._received_bytes = 0
        """Bytes of the current body."""
        self._last_head = b""
        """The head of the last complete request that was parsed."""
        self._unparsed = b""
        self._rejection: ApiError | None = None
        """Why the rest of what the client sends is not parsed."""
        self._is_upgrade = False
        self._active: Exchange | None = None
        self._starting: Exchange | None = None
        """A request that is started as soon as what arrived with it is parsed."""

    def connection_made(self, transport: Any) -> None:
        """Called by asyncio."""
        self.waiting_since = self.loop.time()
        if self.config.tls is None:
            self._begin(transport)
        else:  # the handshake begins with the client's first bytes
            self._awaits_tls = True
            self.transport = transport
            self.connections.add(self)
        self.watch.opened(self, self.loop, self.connections)  # type: ignore[arg-type]

    def _receive_before_tls(self, data: bytes) -> None:
        if self._handshake is None:
            self.transport.pause_reading()
            self._handshake = self.loop.create_task(self._start_tls(data))
        else:  # decrypted, but the task has not gone on yet
            self._unparsed += data

    async def _start_tls(self, first: bytes) -> None:
        """Do the handshake, which begins with these bytes. If it fails, the connection ends."""
        seconds = self.watch.limits.head_seconds
        try:
            secure = await start_tls(self.loop, self.transport, self, first, self.config, seconds)
        except OSError:
            self.connections.discard(self)
            self.transport.abort()
            return
        if self.parser is None:
            return  # the connection was lost in the meantime
        self._awaits_tls = False
        self._begin(secure)
        if self._unparsed:
            self.data_received(b"")

    def _begin(self, transport: Any) -> None:
        buffered: Any = BufferedTransport(transport, self.loop, self.watch.outbox, self.connections)
        super().connection_made(buffered)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._unparsed = b""
        self.pipeline.clear()
        if self._active is not None:
            self._active.disconnected = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self._awaits_tls:
            self._receive_before_tls(data)
            return
        if self.waiting_since is not None and not self.has_part:
            self.has_part = True
            self.waiting_since = self.loop.time()
        if len(data) > _SLICE or self._unparsed or self.pipeline or self._rejection:
            self._unparsed += data
            self._parse_slices()
            return
        repeated = self._repeated(data)
        if repeated is not None:
            self._answer(repeated)
            return
        is_first = self._position == "between" and self._unreported_bytes == 0
        self._parse(data)
        exchange = self._starting
        if exchange is not None:
            self._starting = None
            if is_first:
                self._remember_head(data, exchange)
            # a first reply must not overtake the end of a connection that made room for this one
            if exchange.more_body or not self.has_served:
                self._start(exchange)
            else:
                self._answer(exchange)

    def _repeated(self, data: bytes) -> Exchange | None:
        """The request in these bytes, without the parser, if its head is known.

        The parser waits for the beginning of a request before and afterwards.
        """
        previous = self.cycle
        if (
            previous is None
            or not (previous.response_complete and previous.keep_alive)
            or self._position != "between"
            or self._unreported_bytes
        ):
            return None
        found = self.watch.heads.find(data)
        if found is None:
            return None
        known, body = found
        scope = {**known.scope, "headers": known.scope["headers"].copy()}
        scope["server"], scope["client"], scope["scheme"] = self.server, self.client, self.scheme
        self._active = self.cycle = exchange = Exchange(
            self, scope, keep_alive=True, expects_continue=False
        )
        exchange.add(body)
        exchange.more_body = False
        self.waiting_since = None
        self.has_part = False
        return exchange

    def _remember_head(self, data: bytes, exchange: Exchange) -> None:
        """Note the head of a request that arrived complete and alone in these bytes."""
        is_alone = self.cycle is exchange and self._position == "between"
        if is_alone and exchange.keep_alive and not exchange.more_body:
            heads, size = self.watch.heads, exchange.body_bytes
            self._last_head = heads.learn(data, exchange.scope, size, self._last_head)

    def _parse_slices(self) -> None:
        """Parse what has arrived, until a request waits for its turn or is rejected."""
        data = memoryview(self._unparsed)
        while data and not (self.pipeline or self._rejection or self.transport.is_closing()):
            size = max(_SLICE, self._rest_of_body())
            self._parse(data[:size])
            data = data[size:]
            if self._starting is not None:
                self._start(self._starting)
                self._starting = None
        if self._rejection or self.transport.is_closing():
            self._unparsed = b""
            return
        self._unparsed = bytes(data)
        if data:
            self.flow.pause_reading()

    def _rest_of_body(self) -> int:
        """The bytes of the body that are certainly not the next request; 0 if unknown."""
        if self._position != "body" or self._is_upgrade or self.cycle is None:
            return 0
        declared = next((v for name, v in self.headers if name == b"content-length"), b"0")
        return int(declared) - self._received_bytes

    def _parse(self, data: bytes | memoryview) -> None:
        self._unreported_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._continue_without_upgrade(bytes(data[upgrade.args[0] :]))
        except httptools.HttpParserError:
            self._close_with(self._rejection or ApiError(400, "this is not a valid HTTP request"))
            return
        if self._unreported_bytes > self._most_head_bytes:
            # the parser keeps a header or trailer in memory until it is complete
            self._close_with(self._head_too_large())

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
        self._parse(b"\r\n".join(lines) + b"\r\n\r\n")
        if rest and not self.transport.is_closing():
            self._parse(rest)

    # --- called by the parser: the hot path, so these repeat uvicorn's few lines -----------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self._position = "head"
        self._is_pipelined = self._unreported_bytes == 0
        self._received_bytes = 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has arrived, or a trailer after a chunked body, which is ignored."""
        if self._position == "head":
            name = name.lower()
            if name in CHECKED:
                self._check(name, value)
            self.headers.append((name, value))

    def _check(self, name: bytes, value: bytes) -> None:
        """Note that the client waits before it sends the body; reject other transfer codings.

        Servers that disagree about the end of a body take parts of it for requests (RFC 9112,
        sections 6.1 and 11.2).
        """
        if name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        elif value.strip(b" \t").lower() != b"chunked":
            self._reject(ApiError(501, "the only Transfer-Encoding accepted is chunked"))
        elif any(header[0] == name for header in self.headers):
            self._reject(ApiError(400, "Transfer-Encoding is repeated"))

    def on_headers_complete(self) -> None:
        """The request can be handled."""
        if self._is_pipelined or self._unreported_bytes > self._most_head_bytes:
            self._check_head_size()
        self._unreported_bytes = 0
        parser = self.parser
        self._is_upgrade = parser.should_upgrade()
        if self._is_upgrade:
            self._position = "body"
            return
        version = parser.get_http_version()
        previous = self.cycle
        scope = self._scope(version, parser.get_method().decode("ascii"))
        self.cycle = exchange = Exchange(
            self,
            scope,
            keep_alive=version == "1.1" and parser.should_keep_alive(),
            expects_continue=self.expect_100_continue,
        )
        self._position = "body"
        self.waiting_since = None
        self.has_part = False
        if previous is None or previous.response_complete:
            self._active = self._starting = exchange
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft(exchange)  # type: ignore[arg-type]

    def _scope(self, http_version: str, method: str) -> Scope:
        path, raw_path, query = _split(self.url)
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": http_version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "method": method,
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
        }

    def _start(self, exchange: Exchange) -> None:
        """Let the application reply in a task."""
        self._active = exchange
        exchange.task = task = self.loop.create_task(exchange.run(self.app))
        self.tasks.add(task)

    def _answer(self, exchange: Exchange) -> None:
        """Let the application reply now, and in a task only from where it has to wait."""
        exchange.offer_body()
        task = run_eagerly(self.loop, exchange.run(self.app))
        if task is not None:
            exchange.task = task
            self.tasks.add(task)

    def on_body(self, body: bytes) -> None:
        """A part of the body has arrived."""
        self._unreported_bytes = 0
        self._received_bytes += len(body)
        exchange = self.cycle
        if self._is_upgrade or exchange is None or exchange.response_complete:
            return
        exchange.add(body)
        if exchange.body_bytes > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        self.message_event.set()

    def on_message_complete(self) -> None:
        """The body is complete."""
        self._unreported_bytes = 0
        self._position = "between"
        if self._is_upgrade or self.cycle is None:
            return
        self.cycle.more_body = False
        self.message_event.set()

    # --- called by Exchange ---------------------------------------------------------------------

    def default_headers(self) -> list[Header]:
        """The headers of all replies."""
        return self.server_state.default_headers

    def resume_reading(self) -> None:
        """Read more of the request, if reading was paused."""
        if not self._unparsed:
            self.flow.resume_reading()

    def on_response_complete(self) -> None:
        """A reply was written."""
        self.server_state.total_requests += 1
        self.has_served = True
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start(self.pipeline.pop())  # type: ignore[arg-type]
        elif self._rejection is not None:
            self._reply_and_close(self._rejection)
            return
        else:
            self.waiting_since = self.loop.time()
            self.has_part = self._position != "between" or bool(self._unparsed)
        if not self.pipeline:
            if self._unparsed:
                self._parse_slices()
            self.resume_reading()

    def _check_head_size(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self._most_head_bytes:
            self._reject(self._head_too_large())

    def _head_too_large(self) -> ApiError:
        return ApiError(431, f"the headers are larger than {self._most_head_bytes} bytes")

    def _reject(self, error: ApiError) -> None:
        """Stop parsing; ``_parse`` then replies with the error."""
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
        """Close after the replies to earlier requests and one with this error.

        An error in the body of a request is the reply to it, unless it has one already.
        """
        self._rejection = error
        current = self.cycle
        is_answered = current is None or current.response_complete
        if self._awaits_tls or (is_answered and self._position == "body"):
            self.transport.close()
        elif is_answered:
            self._reply_and_close(error)
        elif self._position != "body":
            self.flow.pause_reading()  # on_response_complete goes on
        elif current is not None:
            self._replace_reply(current, error)

    def _replace_reply(self, current: Exchange, error: ApiError) -> None:
        current.disconnected = True
        self.message_event.set()
        if current is self._active:
            self._reply_and_close(error)
        else:
            self.pipeline.remove(current)  # type: ignore[arg-type]
            self.flow.pause_reading()

    def _reply_and_close(self, error: ApiError) -> None:
        self.transport.write(_whole_reply(error))
        self.transport.close()


@lru_cache(maxsize=64)
def _split(url: bytes) -> tuple[str, bytes, bytes]:
    """The decoded path, the path as sent, and the query string of a request line."""
    parsed = httptools.parse_url(url)
    raw_path = parsed.path or b"/"
    path = raw_path.decode("ascii")
    return unquote(path) if "%" in path else path, raw_path, parsed.query or b""


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
    return reply_head(error.status, [], headers) + body
