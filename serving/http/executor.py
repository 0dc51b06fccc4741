"""CPU work: small pieces on the event loop, large ones in a bounded pool of threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from serving.http.errors import ApiError, unavailable

T = TypeVar("T")


class Capacity:
    """How much is at work: requests, and work that outlived its request."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0

    def take(self) -> None:
        """One more. Raises ApiError 503 where there is no room."""
        if self.taken >= self.most:
            raise unavailable("the server is busy; try again in a moment")
        self.taken += 1

    def give_back(self, _: Any = None) -> None:
        """One less."""
        self.taken -= 1


class ScoringExecutor:
    """Runs a request's CPU work."""

    def __init__(self, capacity: Capacity, threads: int, inline_bytes: int, seconds: float) -> None:
        self.capacity = capacity
        self.inline_bytes = inline_bytes
        self.seconds = seconds
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="scoring")

    async def run(self, size: int, function: Callable[..., T], *arguments: Any) -> T:
        """The result of ``function``, which handles a body of ``size`` bytes.

        Raises ApiError 504 if it takes too long. A thread cannot be stopped, so its work goes on
        and takes up capacity until it ends; timeouts cannot pile up behind each other.
        """
        if size <= self.inline_bytes:
            return function(*arguments)
        future = asyncio.get_running_loop().run_in_executor(self.pool, function, *arguments)
        try:
            return await asyncio.wait_for(asyncio.shield(future), self.seconds)
        except asyncio.TimeoutError:
            self.capacity.taken += 1
            future.add_done_callback(self.capacity.give_back)
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise ApiError(
                504, f"scoring took over {self.seconds:g} s; send fewer customers"
            ) from None

    def close(self) -> None:
        """End the pool."""
        self.pool.shutdown(wait=False, cancel_futures=True)
