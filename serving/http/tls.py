"""TLS that the protocol starts itself, so that connections are limited before their handshake."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import uvicorn


class ServerConfig(uvicorn.Config):
    """uvicorn's configuration, with the TLS context kept for the protocol.

    If the event loop did the handshake, a connection would be unknown to the server until its end,
    up to a minute later.
    """

    tls: ssl.SSLContext | None = None

    def load(self) -> None:
        """Load the certificates and the application."""
        super().load()
        self.tls, self.ssl = self.ssl, None


async def start_tls(
    loop: asyncio.AbstractEventLoop,
    transport: asyncio.Transport,
    protocol: asyncio.BaseProtocol,
    first: bytes,
    config: ServerConfig,
    seconds: float,
) -> asyncio.Transport:
    """Do the server's part of a handshake, of which the first bytes were read already.

    ``transport``: paused. Returns the transport of what is encrypted. Raises OSError if the
    handshake fails or takes longer than ``seconds``.
    """
    assert config.tls is not None
    handshake = loop.create_task(
        loop.start_tls(
            transport,
            protocol,
            config.tls,
            server_side=True,
            ssl_handshake_timeout=seconds,
        )
    )
    await asyncio.sleep(0)  # start_tls replaces the protocol,
    await asyncio.sleep(0)  # and the event loop tells the new one its transport
    layer: Any = transport.get_protocol()  # an asyncio.BufferedProtocol, though not by its class
    if not handshake.done():
        _feed(layer, first)
    secure = await handshake
    assert secure is not None
    return secure


def _feed(layer: Any, data: bytes) -> None:
    """Pass bytes to a protocol as the event loop does."""
    while data:
        buffer = memoryview(layer.get_buffer(len(data)))
        count = min(len(buffer), len(data))
        buffer[:count] = data[:count]
        layer.buffer_updated(count)
        data = data[count:]
