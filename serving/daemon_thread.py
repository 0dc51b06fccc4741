"""Blocking calls in a thread that never delays shutdown."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

T = TypeVar("T")


async def run_in_daemon_thread(function: Callable[[], T]) -> T:
    """The result of ``function``, or its exception.

    The event loop and the interpreter wait for the threads of ``asyncio.to_thread`` before they
    end. They do not wait for this one: a registry that does not respond cannot delay shutdown.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        outcome: Callable[[], None]
        try:
            outcome = partial(future.set_result, function())
        except Exception as error:
            outcome = partial(future.set_exception, error)
        with suppress(RuntimeError):  # the event loop has been closed
            loop.call_soon_threadsafe(_unless_cancelled, future, outcome)

    threading.Thread(target=run, daemon=True).start()
    return await future


def _unless_cancelled(future: asyncio.Future[T], outcome: Callable[[], None]) -> None:
    if not future.done():
        outcome()
