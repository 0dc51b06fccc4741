"""Prometheus metrics; right with several workers, which write into one folder."""

from __future__ import annotations

import os
import re
from collections import Counter as Tally
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.http.request_context import RequestContext

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_TENTHS = tuple(round(0.1 * i, 1) for i in range(1, 10))


class Metrics:
    """All that the server counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        shared: Any = {"registry": self.registry}
        self._requests = Counter(
            "churn_requests", "Requests", ["route", "status", "client"], **shared
        )
        self._seconds = Histogram(
            "churn_request_seconds", "Time to reply", ["route"], buckets=_SECONDS, **shared
        )
        self._rows = Counter("churn_rows_scored", "Customers scored", **shared)
        self._refused = Counter(
            "churn_rows_refused", "Field errors of refused customers", ["field", "rule"], **shared
        )
        self._probability = Histogram(
            "churn_probability", "Predicted probability", buckets=_TENTHS, **shared
        )
        self._model = Gauge(
            "churn_model_info",
            "1 for the version served",
            ["name", "version"],
            multiprocess_mode="livemax",
            **shared,
        )
        self.in_flight = Gauge(
            "churn_requests_in_flight", "Requests at work", multiprocess_mode="livesum", **shared
        )
        self.reload_failures = Counter(
            "churn_model_reload_failures", "Versions that could not be loaded", **shared
        )

    def requests(self, contexts: Sequence[RequestContext]) -> None:
        """Count finished requests, with what was scored and refused in them."""
        seconds: dict[str, list[float]] = {}
        single: list[float] = []
        for (route, status, client), n in Tally(
            (context.route, context.status, context.client) for context in contexts
        ).items():
            self._requests.labels(route, str(status), client).inc(n)
        for context in contexts:
            seconds.setdefault(context.route, []).append(context.seconds)
            if context.probability is not None:
                if isinstance(context.probability, float):
                    single.append(context.probability)
                else:
                    self._score(context.probability)
            for error in context.field_errors:
                self._refused.labels(error.field, error.type).inc()
        for route, values in seconds.items():
            _observe(self._seconds.labels(route), _SECONDS, np.array(values))
        self._score(np.array(single))

    def _score(self, probability: npt.NDArray[np.float64]) -> None:
        """Count the customers of a batch (n,), NaN for those without a score."""
        known = probability[~np.isnan(probability)]
        if len(known):
            self._rows.inc(len(known))
            _observe(self._probability, _TENTHS, known)

    def model(self, name: str | None, version: str | None) -> None:
        """Say which version is served."""
        self._model.clear()
        self._model.labels(name or "", version or "").set(1)

    def exposition(self) -> tuple[bytes, str]:
        """The metrics of all workers, and their content type."""
        folder = os.environ.get(FOLDER)
        if folder is None:
            return generate_latest(self.registry), CONTENT_TYPE_LATEST
        _forget_dead_workers(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST


def _observe(
    histogram: Histogram, bounds: Sequence[float], values: npt.NDArray[np.float64]
) -> None:
    """Observe many values (n,) at once.

    prometheus-client has a call for one; this adds to what that adds to.
    """
    places = np.searchsorted(bounds, values, side="left")
    for place, count in enumerate(np.bincount(places, minlength=len(bounds) + 1).tolist()):
        if count:
            histogram._buckets[place].inc(count)
    histogram._sum.inc(float(values.sum()))


def _forget_dead_workers(folder: Path) -> None:
    """Gauges of workers that were killed would be counted for ever."""
    for file in folder.glob("gauge_live*.db"):
        found = re.search(r"_(\d+)\.db$", file.name)
        if found and not Path(f"/proc/{found[1]}").exists():
            mark_process_dead(int(found[1]), str(folder))  # type: ignore[no-untyped-call]
