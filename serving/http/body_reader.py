"""Reads request bodies, limited in size and in time."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

from serving.http.asgi import Receive
from serving.http.errors import ApiError
from serving.http.request_context import RequestContext


class Disconnected(Exception):
    """The caller went away before the request was whole."""


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
