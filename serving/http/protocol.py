"""A connection whose replies leave together: uvicorn's HTTP protocol over a gathering transport."""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class BufferedTransport:
    """A transport that, under load, sends what was written in one turn of the event loop at once.

    uvicorn writes the head and the body of a reply apart, as soon as they are there. That is two
    system calls, and each may wake the process that waits for the reply: a third of what a small
    request costs. With others at work, the writes of all are put off until all have run. A request
    on its own gains nothing by waiting, and does not.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, at_work: Sized
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._at_work = at_work
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send now, or with what else is written in this turn."""
        if self._parts:
            self._parts.append(data)
        elif len(self._at_work) > 1:
            self._parts.append(data)
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Send what is left, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts:
            self._transport.write(b"".join(parts))


class BufferedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools, with replies that leave together."""

    def connection_made(self, transport: Any) -> None:
        """Asyncio."""
        gathering: Any = BufferedTransport(transport, self.loop, self.tasks)
        super().connection_made(gathering)
