"""The side of a worker process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from training.parallel.shared_memory import SharedObject

T = TypeVar("T")

_loaded: Any = None


def start_worker(shared: SharedObject, stopped: Connection) -> None:
    """Prepare this process for tasks. It ends as soon as ``stopped`` has no sender anymore."""
    global _loaded
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the main process decides
    Thread(target=_end_with_sender, args=(stopped,), daemon=True).start()
    threadpool_limits(1)
    _loaded = shared.load()


def work(task: Callable[[Any], T]) -> tuple[T, float]:
    """Run a task with the shared object; returns its result and the seconds that it took."""
    return timed(task, _loaded)


def timed(task: Callable[[Any], T], shared: Any) -> tuple[T, float]:
    """The result of a task, and the seconds that it took."""
    begun = time.perf_counter()
    result = task(shared)
    return result, time.perf_counter() - begun


def _end_with_sender(stopped: Connection) -> None:
    try:
        stopped.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)
