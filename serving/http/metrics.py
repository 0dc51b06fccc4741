"""Prometheus metrics, summed over the workers.

With several workers, each writes to files in one folder, and a scrape reads all of them.
"""

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
from prometheus_client.registry import Collector

from serving.http.request_context import RequestContext

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus-client's own variable: the folder in which workers share their metrics."""

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_DIFFERENCES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5)
_TENTHS = tuple(round(0.1 * i, 1) for i in range(1, 10))


class Metrics:
    """The server's metrics, in a registry of their own."""

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
        self._field_errors = Counter(
            "churn_rows_refused", "Field errors of rejected customers", ["field", "rule"], **shared
        )
        self._probability = Histogram(
            "churn_probability", "Predicted probability", buckets=_TENTHS, **shared
        )
        self.model = _VersionInfo("churn_model_info", "1 for the version served", **shared)
        self.canary_model = _VersionInfo(
            "churn_canary_info", "1 for the version that is the canary", **shared
        )
        self._canary_requests = Counter(
            "churn_canary_requests",
            "Requests with customers of the canary: scored by it, or failed",
            ["outcome"],
            **shared,
        )
        self.canary_ended = Counter(
            "churn_canary_ended", "Canaries that ended because they failed too often", **shared
        )
        self.shadow_model = _VersionInfo(
            "churn_shadow_info", "1 for the version that is the shadow", **shared
        )
        self._shadow_rows = Counter(
            "churn_shadow_rows",
            "Customers for the shadow: agreed, disagreed, failed or dropped",
            ["outcome"],
            **shared,
        )
        self._shadow_difference = Histogram(
            "churn_shadow_difference",
            "Absolute difference between the probabilities of shadow and champion",
            buckets=_DIFFERENCES,
            **shared,
        )
        self._shadow_seconds = Counter(
            "churn_shadow_seconds", "CPU time in which the shadow scored, in seconds", **shared
        )
        self.challenger_load_failures = Counter(
            "churn_challenger_load_failures",
            "Failed attempts to load the version of the canary or the shadow",
            ["role"],
            **shared,
        )
        self._collectors: list[Collector] = []
        self.in_flight = Gauge(
            "churn_requests_in_flight",
            "Requests in progress",
            multiprocess_mode="livesum",
            **shared,
        )
        self.log_lines_dropped = Counter(
            "churn_log_lines_dropped", "Log lines that could not be written in time", **shared
        )
        self.inference_log_dropped = Counter(
            "churn_inference_log_dropped",
            "Customers whose rows were not written to the inference log",
            **shared,
        )
        self.inference_log_failures = Counter(
            "churn_inference_log_failures", "Failed attempts to write the inference log", **shared
        )
        self.keys_reload_failures = Counter(
            "churn_keys_reload_failures", "Failed attempts to read the API keys again", **shared
        )
        self.reload_failures = Counter(
            "churn_model_reload_failures", "Failed attempts to load a new version", **shared
        )

    def requests(self, contexts: Sequence[RequestContext]) -> None:
        """Count finished requests, their scores and their field errors."""
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
                    self._count_scores(context.probability)
            for (field, rule), n in context.field_errors.items():
                self._field_errors.labels(field, rule).inc(n)
        for route, values in seconds.items():
            _observe(self._seconds.labels(route), _SECONDS, np.array(values))
        self._count_scores(np.array(single))

    def _count_scores(self, probability: npt.NDArray[np.float64]) -> None:
        """Count scored customers from their probabilities (n,); NaN marks those without a score."""
        scored = probability[~np.isnan(probability)]
        if len(scored):
            self._rows.inc(len(scored))
            _observe(self._probability, _TENTHS, scored)

    def canary_request(self, *, failed: bool) -> None:
        """Count a request that the canary scored, or failed to score."""
        self._canary_requests.labels("failed" if failed else "scored").inc()

    def shadow_compared(
        self, agreed: int, differences: npt.NDArray[np.float64], seconds: float
    ) -> None:
        """Count n customers whom the shadow scored, in these seconds of CPU time.

        ``agreed``: how many have the champion's prediction. ``differences`` (n,): of probabilities.
        """
        for outcome, rows in (("agreed", agreed), ("disagreed", len(differences) - agreed)):
            if rows:
                self._shadow_rows.labels(outcome).inc(rows)
        _observe(self._shadow_difference, _DIFFERENCES, differences)
        self._shadow_seconds.inc(seconds)

    def shadow_missed(self, outcome: str, rows: int) -> None:
        """Count customers who were ``dropped``, or whom the shadow ``failed`` to score."""
        self._shadow_rows.labels(outcome).inc(rows)

    def add_collector(self, collector: Collector) -> None:
        """Add metrics that are computed at each scrape, from what the workers share."""
        self._collectors.append(collector)
        self.registry.register(collector)

    def exposition(self) -> tuple[bytes, str]:
        """The metrics of all workers, and their content type."""
        folder = os.environ.get(FOLDER_VARIABLE)
        if folder is None:
            return generate_latest(self.registry), CONTENT_TYPE_LATEST
        _forget_dead_workers(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        for collector in self._collectors:
            registry.register(collector)
        return generate_latest(registry), CONTENT_TYPE_LATEST


class _VersionInfo:
    """A gauge that is 1 for one version, and 0 for those before it."""

    def __init__(self, name: str, description: str, registry: CollectorRegistry) -> None:
        self._gauge = Gauge(
            name,
            description,
            ["name", "version"],
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._shown: tuple[str, str] | None = None

    def show(self, name: str | None, version: str | None) -> None:
        """Set the gauge to 1 for this version."""
        self.clear()
        self._shown = name or "", version or ""
        self._gauge.labels(*self._shown).set(1)

    def clear(self) -> None:
        """Set the gauge to 0: the labels stay in the file that several workers share."""
        if self._shown is not None:
            self._gauge.labels(*self._shown).set(0)
        self._shown = None


def _observe(
    histogram: Histogram, bounds: Sequence[float], values: npt.NDArray[np.float64]
) -> None:
    """Observe many values (n,) at once.

    ``Histogram.observe`` takes one value per call; this updates the same counters for all of them.
    """
    buckets = np.searchsorted(bounds, values, side="left")
    for bucket, count in enumerate(np.bincount(buckets, minlength=len(bounds) + 1).tolist()):
        if count:
            histogram._buckets[bucket].inc(count)
    histogram._sum.inc(float(values.sum()))


def _forget_dead_workers(folder: Path) -> None:
    """Remove the gauges of workers that were killed, which would otherwise be summed forever."""
    for file in folder.glob("gauge_live*.db"):
        match = re.search(r"_(\d+)\.db$", file.name)
        if match and not Path(f"/proc/{match[1]}").exists():
            mark_process_dead(int(match[1]), str(folder))  # type: ignore[no-untyped-call]
