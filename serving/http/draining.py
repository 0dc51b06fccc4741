"""Whether the server has been told to end, which its readiness shows."""

from __future__ import annotations

import logging
import signal
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable
from functools import partial
from typing import Any

_logger = logging.getLogger("serving")


class Draining:
    """Notices the signal that ends the server, and passes it on.

    After SIGTERM, the server goes on for ``seconds``, so that load balancers see that it is not
    ready, and send no more requests, before it closes its port. SIGINT and a second signal end it
    at once.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.has_begun = False

    def watch(self, loop: AbstractEventLoop) -> None:
        """Notice signals from now on, before the handlers that uvicorn has set.

        uvicorn sets them back when it ends. Only the main thread receives signals.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            then = signal.getsignal(number)
            if callable(then):
                signal.signal(number, partial(self._begin, loop, then))

    def _begin(
        self, loop: AbstractEventLoop, then: Callable[..., Any], number: int, frame: Any
    ) -> None:
        is_first, self.has_begun = not self.has_begun, True
        if self.seconds and is_first and number == signal.SIGTERM:
            loop.call_soon_threadsafe(loop.call_later, self.seconds, then, number, None)
            _logger.info("not ready any more; shutting down in %g s", self.seconds)
        else:
            then(number, frame)
