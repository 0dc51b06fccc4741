"""What is noted of finished requests, written in batches off the requests' own time."""

from __future__ import annotations

import asyncio

from serving.http.logs import write_requests
from serving.http.metrics import Metrics
from serving.http.request_context import RequestContext

_SECONDS = 0.01
_MOST = 1000


class RequestLog:
    """Collects finished requests; a hundred times a second the log and the metrics get them."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self._calls: list[RequestContext] = []
        self._timer: asyncio.TimerHandle | None = None

    def note(self, context: RequestContext) -> None:
        """Add a finished request."""
        self._calls.append(context)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SECONDS, self.flush)
        elif len(self._calls) >= _MOST:
            self._timer.cancel()
            self.flush()

    def flush(self) -> None:
        """Write and count what is waiting."""
        self._timer = None
        contexts, self._calls = self._calls, []
        if contexts:
            self.metrics.requests(contexts)
            write_requests(contexts)
