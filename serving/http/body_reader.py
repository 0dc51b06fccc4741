"""Reads request bodies, limited in size and in time."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

from serving.http.asgi import Receive
from serving.http.eager import in_task
from serving.http.errors import ApiError, too_large, unavailable
from serving.http.request_context import RequestContext


class Disconnected(Exception):
    """The client disconnected before it had sent the whole request."""


_NOT_COUNTED = 65_536
"""Bytes of each body, which the limit of connections bounds already."""


class BodyBudget:
    """Limits the bytes of all request bodies that are in memory at once.

    The first 64 KiB of a body do not count, so that small requests are answered while others take
    all of the budget.
    """

    def __init__(self, limit: int) -> None:
        self._free = limit

    def take(self, context: RequestContext, size: int) -> None:
        """Count ``size`` more bytes of a request. Raises ApiError 503 if they do not fit."""
        total = context.body_bytes + size
        if total > _NOT_COUNTED:
            counted = total - max(context.body_bytes, _NOT_COUNTED)
            if counted > self._free:
                raise unavailable("the server is receiving too much data; try again in a moment")
            self._free -= counted
        context.body_bytes = total

    def release(self, context: RequestContext) -> None:
        """Give back the bytes of a request that has ended."""
        self._free += max(0, context.body_bytes - _NOT_COUNTED)
        context.body_bytes = 0


class RequestBodyReader:
    """Reads request bodies and stops waiting for those that do not arrive in time.

    One task checks all waiting requests once per second, because a timer per request would cost
    more than reading a body.
    """

    def __init__(self, seconds: float, budget: BodyBudget) -> None:
        self.seconds = seconds
        self.budget = budget
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def watch(self) -> None:
        """Cancel requests that have waited too long, until cancelled itself."""
        self._loop = asyncio.get_running_loop()
        pause = min(1.0, self.seconds / 4)
        while True:
            await asyncio.sleep(pause)
            oldest_allowed = perf_counter() - self.seconds
            for task, started in list(self._waiting.items()):
                if started < oldest_allowed:
                    del self._waiting[task]
                    task.cancel()

    def admit(self, context: RequestContext, body: bytes, max_bytes: int) -> None:
        """Count a body that arrived together with its head.

        Raises ApiError 413 or 503, as ``read_body`` does.
        """
        if len(body) > max_bytes:
            raise too_large(max_bytes)
        self.budget.take(context, len(body))

    async def read_body(self, context: RequestContext, receive: Receive, max_bytes: int) -> bytes:
        """The whole body.

        Raises ApiError 413 over ``max_bytes``, declared or streamed (the declared length may be
        missing or wrong); ApiError 503 if all bodies together exceed the budget; ApiError 408 if
        the body does not arrive in time; Disconnected.
        """
        declared = context.headers.get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > max_bytes:
            raise too_large(max_bytes)
        task = await in_task(self._loop)
        self._waiting[task] = context.started
        parts: list[bytes] = []
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                part: bytes = message.get("body", b"")
                if context.body_bytes + len(part) > max_bytes:
                    raise too_large(max_bytes)
                self.budget.take(context, len(part))
                parts.append(part)
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
        except asyncio.CancelledError:
            if task in self._waiting:
                raise  # cancelled by somebody else: the server is shutting down
            if hasattr(task, "uncancel"):  # Python 3.11
                task.uncancel()
            raise ApiError(408, f"the body did not arrive within {self.seconds:g} s") from None
        finally:
            self._waiting.pop(task, None)
