"""Collects finished requests and writes them to the log and the metrics in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from serving.http.logs import write_requests
from serving.http.metrics import Metrics
from serving.http.request_context import RequestContext

_FLUSH_SECONDS = 0.01
_FLUSH_COUNT = 1000


class RequestLog:
    """Writes finished requests to the log and the metrics, at most every 10 ms."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self.on_finished: Callable[[Sequence[RequestContext]], None] | None = None
        """Is given the requests that were logged."""
        self._finished: list[RequestContext] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, context: RequestContext) -> None:
        """Add a finished request."""
        self._finished.append(context)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)
        elif len(self._finished) >= _FLUSH_COUNT:
            self._timer.cancel()
            self.flush()

    def flush(self) -> None:
        """Write and count the requests collected so far."""
        self._timer = None
        contexts, self._finished = self._finished, []
        if contexts:
            self.metrics.requests(contexts)
            write_requests(contexts)
            if self.on_finished is not None:
                self.on_finished(contexts)
