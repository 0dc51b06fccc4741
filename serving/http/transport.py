"""A transport with fewer system calls under load: it combines the writes of replies."""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from typing import Any

_LARGE = 65_536
"""Writes from this size on are sent as they are: combining them would copy them."""


class BufferedTransport:
    """A transport that, under load, combines the small writes of one event loop iteration.

    uvicorn writes the headers and the body of a reply separately. Those are two system calls, and
    each may wake the client's process, which is a third of the cost of a small request. With
    several requests in progress, writes are delayed to the end of the iteration and sent together.
    A single request would gain nothing, so its writes are not delayed.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, in_progress: Sized
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._in_progress = in_progress
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send now, or together with the other writes of this iteration."""
        if len(data) >= _LARGE:
            self._flush()
            self._transport.write(data)
        elif self._parts:
            self._parts.append(data)
        elif len(self._in_progress) > 1:
            self._parts.append(data)
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Send the delayed writes, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts:
            self._transport.write(b"".join(parts))
