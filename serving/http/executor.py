"""Runs CPU work: for small bodies on the event loop, for others in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, TypeVar

from serving.http.eager import in_task
from serving.http.errors import ApiError, unavailable

T = TypeVar("T")

LARGE = 4 * 2**20
"""Work beyond this is large, in bytes of a body of ordinary customers. It takes about 30 ms."""


class Capacity:
    """Counts requests that are worked on, including work that outlives its request.

    ``with capacity:`` counts one request. The work begins when its body is complete and ends
    before its reply, so that a client that sends slowly, or does not read the reply, does not
    count.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_use = 0

    def check(self) -> None:
        """Raise ApiError 503 at the limit."""
        if self.in_use >= self.limit:
            raise unavailable("the server is busy; try again in a moment")

    def acquire(self) -> None:
        """Count one more. Raises ApiError 503 at the limit."""
        self.check()
        self.in_use += 1

    __enter__ = acquire

    def __exit__(self, *_: object) -> None:
        self.in_use -= 1

    def release(self, _: Any = None) -> None:
        """Count one fewer."""
        self.in_use -= 1


class ScoringExecutor:
    """Runs the CPU work of requests, directly if the body is small and in a thread if not.

    Ordinary work is done one after the other in one thread: several threads would take
    turns within a request, and each would find the processor's cache filled by the others. Large
    work has ``threads`` of its own, so that ordinary work does not wait for it.
    """

    def __init__(self, capacity: Capacity, threads: int, inline_bytes: int, seconds: float) -> None:
        self.capacity = capacity
        self.inline_bytes = inline_bytes
        self.seconds = seconds
        self._ordinary = ThreadPoolExecutor(1, thread_name_prefix="scoring")
        self._large = ThreadPoolExecutor(threads, thread_name_prefix="scoring large")

    async def run(
        self, started: float, work: int, function: Callable[..., T], *arguments: Any
    ) -> T:
        """The result of ``function``.

        ``started``: when the request started (``perf_counter``). ``work``: how much work it is, as
        the bytes of a body of ordinary customers. Raises as ``run_in_thread`` does.
        """
        if work <= self.inline_bytes:
            return function(*arguments)
        return await self.run_in_thread(started, work, function, *arguments)

    async def run_in_thread(
        self, started: float, work: int, function: Callable[..., T], *arguments: Any
    ) -> T:
        """The result of ``function``, run in a thread even if it is little work.

        Raises ApiError 504 if it does not end in the request's time, which its body and its
        previous steps have used a part of. Work that has not begun is dropped. A thread cannot be
        stopped, so work that has begun counts towards the capacity until it ends; timed-out work
        therefore cannot pile up.
        """
        await in_task()
        remaining = self.remaining(started)
        pool = self._large if work > LARGE else self._ordinary
        job = pool.submit(function, *arguments)
        future = asyncio.wrap_future(job)
        try:
            return await asyncio.wait_for(asyncio.shield(future), remaining)
        except asyncio.TimeoutError:
            if not job.cancel():
                self.capacity.in_use += 1
                future.add_done_callback(self.capacity.release)
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise self._timed_out() from None

    def remaining(self, started: float) -> float:
        """The seconds that a request has left, more than 0. Raises ApiError 504.

        A job with several steps asks between them, because its request may have timed out.
        """
        seconds = started + self.seconds - perf_counter()
        if seconds <= 0:
            raise self._timed_out()
        return seconds

    def _timed_out(self) -> ApiError:
        return ApiError(
            504, f"the request took longer than {self.seconds:g} s; send fewer customers"
        )

    def close(self) -> None:
        """Shut down the threads."""
        for pool in (self._ordinary, self._large):
            pool.shutdown(wait=False, cancel_futures=True)
