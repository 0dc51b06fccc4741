"""Mean score and shift of each feature over the last 60 minutes, as Prometheus metrics.

With several workers, each writes its sums to a file in their shared folder, and a scrape adds them
up before it divides.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client.core import GaugeMetricFamily

from churn_model.arrays import Floats
from churn_model.inference_log.count_vector import SCORED
from churn_model.inference_log.logged_version import LoggedVersion
from churn_model.inference_log.options import SHADOW
from churn_model.profile import MonitoringProfile
from churn_model.profile.score_bins import BINS, PROBABILITY
from churn_model.scoring.scorecard import Term

SCORE_MEAN = "churn_score_mean"
TERM_SHIFT = "churn_term_shift"
HOUR = 3600
_SECONDS_BETWEEN_FILES = 1.0
_FILES = "last-hour-*.json"


@dataclass(frozen=True)
class Reference:
    """The version that is served, and its terms with their means over the training rows."""

    model: str
    terms: Sequence[Term]
    means: Floats


def reference(model: str, terms: Sequence[Term], profile: MonitoringProfile) -> Reference:
    """The reference of a version. ``model``: identifies the version."""
    means = [
        float(rows @ np.array(term.scores)) / (rows.sum() or 1.0)
        for term, rows in zip(terms, profile.counts(), strict=True)
    ]
    return Reference(model, terms, np.array(means))


def model_key(name: str | None, version: str | None) -> str:
    """What identifies a version among those of the last hour."""
    return f"{name or ''}/{version or ''}"


class LastHour:
    """Sums over the customers that were scored in the last 60 minutes.

    ``folder``: the folder that the workers share; None for a single one. A collector of
    prometheus-client.
    """

    def __init__(self, folder: Path | None) -> None:
        self.reference: Reference | None = None
        self._folder = folder
        self._file = None if folder is None else folder / f"last-hour-{os.getpid()}.json"
        self._lock = threading.Lock()
        self._minutes: dict[tuple[str, int], Floats] = {}
        self._written = -math.inf
        self._later: threading.Timer | None = None

    def add(self, minute: int, version: LoggedVersion, vector: Floats) -> None:
        """Add the counts of a minute, unless they are of a shadow, which nobody is served."""
        if version.key[2] == SHADOW:
            return
        sums = term_sums(version, vector)
        key = (model_key(*version.key[:2]), minute)
        with self._lock:
            known = self._minutes.get(key)
            self._minutes[key] = sums if known is None else known + sums
            for old in [key for key in self._minutes if key[1] <= minute - HOUR]:
                del self._minutes[old]
            self._write_soon()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The metrics; none without a profile, and none without customers in the last hour."""
        reference = self.reference
        if reference is None:
            return
        with self._lock:
            self._write()
            sums = self._sums(reference.model, time.time() - HOUR, len(reference.means) + 2)
        if not sums[0]:
            return
        mean = GaugeMetricFamily(SCORE_MEAN, "Mean probability in the last 60 minutes")
        mean.add_metric([], sums[1] / sums[0])
        yield mean
        shift = GaugeMetricFamily(
            TERM_SHIFT,
            "Change in mean log-odds by feature in the last 60 minutes, against the training rows",
            labels=["feature"],
        )
        for feature, value in by_feature(reference, sums[2:] / sums[0]).items():
            shift.add_metric([feature], value)
        yield shift

    def _sums(self, model: str, since: float, size: int) -> Floats:
        """Rows, sum of probabilities, and sum of each term, over all workers."""
        total = np.zeros(size)
        for (name, minute), sums in self._all_minutes():
            if name == model and minute > since and len(sums) == size:
                total += sums
        return total

    def _all_minutes(self) -> Iterator[tuple[tuple[str, int], Any]]:
        if self._folder is None:
            yield from self._minutes.items()
            return
        for file in self._folder.glob(_FILES):
            with suppress(OSError, ValueError):  # another worker may be ending
                for name, minute, sums in json.loads(file.read_text(encoding="utf-8")):
                    yield (name, minute), np.array(sums)

    def _write_soon(self) -> None:
        """Write at once, or after a while if that was just done, even if nobody is scored then."""
        if self._file is None or self._later is not None:
            return
        wait = self._written + _SECONDS_BETWEEN_FILES - time.monotonic()
        if wait <= 0:
            self._write()
            return
        self._later = threading.Timer(wait, self._write_late)
        self._later.daemon = True
        self._later.start()

    def _write_late(self) -> None:
        with self._lock:
            self._later = None
            self._write()

    def _write(self) -> None:
        """Write this worker's sums for the others to read; a full disk is no reason to fail."""
        if self._file is None:
            return
        self._written = time.monotonic()
        rows = [[name, minute, sums.tolist()] for (name, minute), sums in self._minutes.items()]
        partial = self._file.with_suffix(".partial")
        with suppress(OSError):
            partial.write_text(json.dumps(rows), encoding="utf-8")
            partial.replace(self._file)


def term_sums(version: LoggedVersion, vector: Floats) -> Floats:
    """Rows, the sum of probabilities (to the width of a score bin), and the sum of each term."""
    layout, terms = version.layout, version.scorer.scorecard.terms
    scores = vector[layout.score : layout.score + BINS]
    sums = [vector[SCORED], float(scores @ PROBABILITY)]
    for term, start in zip(terms, layout.terms, strict=True):
        sums.append(float(vector[start : start + len(term.scores)] @ np.array(term.scores)))
    return np.array(sums)


def by_feature(reference: Reference, means: Floats) -> dict[str, float]:
    """The change of each feature's mean log-odds; a pair's is split evenly."""
    shifts: dict[str, float] = {}
    for term, change in zip(reference.terms, (means - reference.means).tolist(), strict=True):
        for feature in term.features:
            shifts[feature] = shifts.get(feature, 0.0) + change / len(term.features)
    return shifts
