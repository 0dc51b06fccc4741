"""Makes sure that Ctrl-C stops a run, even inside a library's C code."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Gives a function to call between stages: it raises KeyboardInterrupt after a lost Ctrl-C.

    Python drops exceptions that are raised inside a library's C callback, KeyboardInterrupt
    included. Only the main thread receives signals; in other threads the function does nothing.
    """
    interrupted = threading.Event()

    def raise_if_interrupted() -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield raise_if_interrupted
        return

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield raise_if_interrupted
    finally:
        signal.signal(signal.SIGINT, previous)
