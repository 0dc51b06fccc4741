"""Ctrl-C that is heard, whatever runs at that moment."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Gives a function to call between steps, which raises KeyboardInterrupt if one got lost.

    Python drops an exception that is raised inside a library's C callback, and the one of Ctrl-C is
    no exception to that. Outside the main thread, where no signal arrives, it does nothing.
    """
    came = threading.Event()

    def check() -> None:
        if came.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return

    def hear(number: int, frame: FrameType | None) -> None:
        came.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
