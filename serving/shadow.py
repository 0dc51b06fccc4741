"""The queue of requests that a shadow scores, and the thread that scores them.

Nothing waits for either: a request that does not fit is dropped and counted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, NamedTuple, Protocol, TypeAlias

from churn_model.arrays import Floats
from churn_model.scoring import Score, Scores

_logger = logging.getLogger("serving.shadow")

MOST_REQUESTS = 1000
"""Requests that may wait to be scored."""

_REQUESTS_BETWEEN_PAUSES = 10
_PAUSE = 0.0002
"""Seconds. Without pauses the thread would keep the interpreter's lock for 5 ms at a time, in which
no request is answered."""

_SECONDS_AT_STOP = 5.0


class Comparison(NamedTuple):
    """The valid customers of a request (n,), as the shadow and the champion scored them.

    ``agreed``: how many have the same prediction. ``differences`` (n,): the absolute differences of
    the probabilities.
    """

    agreed: int
    differences: Floats


Job: TypeAlias = Callable[[], Comparison]


class ShadowMetrics(Protocol):
    """What a shadow counts for the metrics."""

    def shadow_compared(self, agreed: int, differences: Floats, seconds: float) -> None:
        """Count n customers who were scored, in these seconds of CPU time."""

    def shadow_missed(self, outcome: str, rows: int) -> None:
        """Count customers who were ``dropped``, or whom the shadow ``failed`` to score."""


class RequestMirror(Protocol):
    """Gets a copy of each request that was scored, to score it again; never waits."""

    def single(self, body: bytes, params: Any, score: Score, request_id: bytes) -> None:
        """Take the body of ``/predict/single``, which the champion gave ``score``."""

    def request(self, request: Any, scores: Score | Scores, request_id: bytes) -> None:
        """Take a request with n customers, which the champion gave ``scores``."""


class ShadowQueue:
    """Scores requests in a thread, at most MOST_REQUESTS and ``most_rows`` customers late."""

    def __init__(self, metrics: ShadowMetrics, most_rows: int) -> None:
        self._metrics = metrics
        self._most_rows = most_rows
        self._queue: SimpleQueue[tuple[int, Job] | None] = SimpleQueue()
        self._lock = Lock()
        self._requests = self._rows = 0
        self._thread: Thread | None = None
        self._is_closed = self._is_failing = False

    def offer(self, rows: int, job: Job) -> None:
        """Score a request with this many customers later, or drop it. Never waits."""
        with self._lock:
            fits = self._requests < MOST_REQUESTS and self._rows + rows <= self._most_rows
            fits = fits and not self._is_closed
            if fits:
                self._requests += 1
                self._rows += rows
                self._queue.put((rows, job))
                if self._thread is None:
                    self._thread = Thread(target=self._run, name="shadow", daemon=True)
                    self._thread.start()
        if not fits:
            self._metrics.shadow_missed("dropped", rows)

    def close(self) -> None:
        """Score what waits, for a limited time, and end the thread."""
        with self._lock:
            self._is_closed = True
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(_SECONDS_AT_STOP)

    def _run(self) -> None:
        done = 0
        while (entry := self._queue.get()) is not None:
            rows, job = entry
            self._score(rows, job)
            with self._lock:
                self._requests -= 1
                self._rows -= rows
            done += 1
            if done % _REQUESTS_BETWEEN_PAUSES == 0:
                time.sleep(_PAUSE)

    def _score(self, rows: int, job: Job) -> None:
        started = time.thread_time()
        try:
            comparison = job()
        except Exception:
            if not self._is_failing:
                _logger.exception("the shadow failed to score a request")
            self._is_failing = True
            self._metrics.shadow_missed("failed", rows)
        else:
            self._is_failing = False
            self._metrics.shadow_compared(*comparison, time.thread_time() - started)
