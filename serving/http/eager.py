"""Runs a coroutine at once, and in a task only from the point at which it has to wait.

A task per request costs as much as the API key and the rate limit of a request. Python 3.12 can
start tasks like this itself (``eager_start``), but creates each of them nevertheless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any


def run_eagerly(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]
) -> asyncio.Task[None] | None:
    """Run ``work`` until it waits; returns the task that does the rest, None if it has ended.

    Until then there is no current task. Code that needs one calls ``in_task`` first.
    """
    try:
        awaited = work.send(None)
    except StopIteration:
        return None
    return loop.create_task(_finish(work, awaited))


async def in_task(loop: asyncio.AbstractEventLoop | None = None) -> asyncio.Task[Any]:
    """Go on in a task and return it; ``asyncio.wait_for`` and ``timeout``, say, need one.

    ``loop``: the running loop, if it is known: looking it up costs a system call before
    Python 3.12.
    """
    task = asyncio.current_task(loop)
    if task is None:
        await asyncio.sleep(0)
        task = asyncio.current_task(loop)
        assert task is not None
    return task


async def _finish(work: Coroutine[Any, Any, None], awaited: Any) -> None:
    await _rest(work, awaited)


@coroutine
def _rest(work: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, None, None]:
    """Pass on what ``work`` awaits, beginning with what it awaits already, until it ends."""
    try:
        while True:
            try:
                yield awaited
            except BaseException as error:  # the task is cancelled
                awaited = work.throw(error)
            else:
                awaited = work.send(None)
    except StopIteration:
        return
