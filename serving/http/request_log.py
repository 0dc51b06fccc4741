"""Collects finished requests and writes them to the log and the metrics in batches."""

from __future__ import annotations

import asyncio

from serving.http.logs import write_requests
from serving.http.metrics import Metrics
from serving.http.request_context import RequestContext

_SECONDS = 0.01
_MOST = 1000


class RequestLog:
    """Writes finished requests to the log and the metrics, a hundred times a second."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self._calls: list[RequestContext] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, context: RequestContext) -> None:
        """Add a finished request."""
        self._calls.append(context)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SECONDS, self.flush)
        elif len(self._calls) >= _MOST:
            self._timer.cancel()
            self.flush()

    def flush(self) -> None:
        """Write and count the requests collected so far."""
        self._timer = None
        contexts, self._calls = self._calls, []
        if contexts:
            self.metrics.requests(contexts)
            write_requests(contexts)
