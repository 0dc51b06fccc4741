"""Makes sure that Ctrl-C and SIGTERM stop a run, even inside a library's C code."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """The process was asked to end with SIGTERM, and cleans up as after Ctrl-C."""


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Gives a function to call between stages: it raises KeyboardInterrupt after a lost signal.

    Python drops exceptions that are raised inside a library's C callback, KeyboardInterrupt
    included. Only the main thread receives signals; in other threads the function does nothing.
    """
    interrupted: list[type[KeyboardInterrupt]] = []

    def raise_if_interrupted() -> None:
        if interrupted:
            raise interrupted[0]

    if threading.current_thread() is not threading.main_thread():
        yield raise_if_interrupted
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        interrupted.append(Terminated if number == signal.SIGTERM else KeyboardInterrupt)
        raise interrupted[0]

    previous = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield raise_if_interrupted
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
