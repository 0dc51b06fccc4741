"""A transport that, under load, delays replies, so that more of them are sent at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from typing import Any

_LARGE = 65_536
"""Replies from this size on are sent immediately: they would take memory."""


class Outbox:
    """The replies of one worker that wait for the next iteration of the event loop.

    Each write may wake a client, which then sends its next request. If there are several
    connections, sending their replies later, one after the other, lets the event loop read more
    requests per iteration; that saves more than half of the time of a small request. A single
    connection would gain nothing, so its replies are not delayed.
    """

    def __init__(self) -> None:
        self.replies: list[tuple[asyncio.Transport, bytes]] = []

    def flush(self) -> None:
        """Send all replies that wait."""
        replies, self.replies = self.replies, []
        for transport, reply in replies:
            if not transport.is_closing():
                transport.write(reply)


class BufferedTransport:
    """A transport whose writes go through the outbox; everything else is the transport's own.

    ``connections``: all that are open.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        outbox: Outbox,
        connections: Sized,
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._outbox = outbox
        self._connections = connections
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send now, or in the next iteration with the other replies."""
        outbox = self._outbox
        if len(data) >= _LARGE:
            outbox.flush()
            self._transport.write(data)
        elif outbox.replies:
            outbox.replies.append((self._transport, data))
        elif len(self._connections) > 1:
            outbox.replies.append((self._transport, data))
            self._loop.call_soon(outbox.flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Send what waits, then close."""
        self._outbox.flush()
        self._transport.close()
