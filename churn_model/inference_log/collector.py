"""Collects what was scored: a queue that callers append to, drained into rows and counts."""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from churn_model.inference_log.count_vector import (
    DROPPED,
    LOGGED,
    NOT_SAMPLED,
    REJECTED,
    SCORED,
    count_rows,
)
from churn_model.inference_log.logged_version import LoggedVersion
from churn_model.inference_log.pending import MINUTE, Pending
from churn_model.inference_log.scored_rows import (
    ScoredRows,
    Single,
    rows_of_singles,
    rows_of_table,
)
from churn_model.profile.score_bins import score_bins
from churn_model.scoring import Scores

_logger = logging.getLogger("churn_model.inference_log")

_CHUNK = 512
"""Entries that are counted in one step: about 2 ms, for which other threads wait."""

_PAUSE = 0.0005
"""Seconds between two steps, in which the other threads run."""

MOST_WAITING = 20_000
"""Entries of the queue; a caller who finds more of them helps to drain it."""


class Table(NamedTuple):
    """The scores of a table with what is logged besides."""

    when: float
    request_id: bytes | str | None
    threshold: float | None
    scores: Scores


class Rejected(NamedTuple):
    """Rows that were not scored, because they are invalid, and their errors by field and rule."""

    when: float
    rows: int
    rules: Mapping[tuple[str, str], int]


class Collector:
    """Turns scores into rows and counts.

    ``add`` is what callers wait for: it appends to a queue. ``drain`` does the work, in one thread
    at a time. Rows that do not fit into ``options.most_bytes`` are dropped; all rows are counted.
    ``on_drop``: is called with the number of dropped rows. ``on_counts``: is called with the
    minute, the version and the counts of each group of scored rows.
    """

    def __init__(
        self,
        most_bytes: int,
        on_drop: Callable[[int], None],
        on_counts: Callable[[int, LoggedVersion, Any], None] | None = None,
    ) -> None:
        self.worker = secrets.token_hex(6)
        self.bytes_elsewhere = 0
        """Rows that were taken and are not written yet, in bytes."""
        self._most_bytes = most_bytes
        self._on_drop = on_drop
        self._on_counts = on_counts
        self._queue: deque[tuple[LoggedVersion, Single | Table | Rejected]] = deque()
        self._draining = Lock()
        self._pending = Pending()
        self._numbers = count()
        self._is_failing = False

    def add(self, version: LoggedVersion, entry: Single | Table | Rejected) -> None:
        """Add what was scored."""
        self._queue.append((version, entry))
        if len(self._queue) > MOST_WAITING and self._draining.acquire(blocking=False):
            try:
                self._drain(_CHUNK)
            finally:
                self._draining.release()

    def drain(self) -> None:
        """Turn everything in the queue into rows and counts."""
        with self._draining:
            while self._queue:
                self._drain(_CHUNK)
                time.sleep(_PAUSE)

    def take(self) -> Pending:
        """Everything since the last call."""
        with self._draining:
            self._drain(len(self._queue))
            taken, self._pending = self._pending, Pending()
            self.bytes_elsewhere = taken.bytes
        return taken

    def _drain(self, entries: int) -> None:
        """Collect the first entries of the queue."""
        singles: list[Single] = []
        current: LoggedVersion | None = None
        for _ in range(min(entries, len(self._queue))):
            version, entry = self._queue.popleft()
            is_single = isinstance(entry, Single)
            if singles and (not is_single or version is not current):
                self._collect_singles(current, singles)
                singles = []
            if isinstance(entry, Single):
                current = version
                singles.append(entry)
            else:
                self._collect(version, entry)
        if singles:
            self._collect_singles(current, singles)

    def _collect_singles(self, version: LoggedVersion | None, singles: Sequence[Single]) -> None:
        assert version is not None  # it belongs to the first of them
        with _Guard(self, version, [single.when for single in singles]):
            self._record(version, rows_of_singles(version.scorer, singles, version.has_values))

    def _collect(self, version: LoggedVersion, entry: Table | Rejected) -> None:
        if isinstance(entry, Rejected):
            self._reject(version, entry.when, entry.rows, entry.rules)
            return
        scores = entry.scores
        with _Guard(self, version, [entry.when] * int(scores.valid.sum())):
            self._record(version, rows_of_table(version.scorer, *entry, version.has_values))
        if scores.errors:
            rejected = len(scores.valid) - int(scores.valid.sum())
            self._reject(version, entry.when, rejected, scores.errors.counts())

    def _reject(
        self, version: LoggedVersion, when: float, rows: int, rules: Mapping[tuple[str, str], int]
    ) -> None:
        vector = np.zeros(version.layout.size)
        vector[REJECTED] = rows
        named = Counter({f"{field}:{rule}": n for (field, rule), n in rules.items()})
        self._pending.add_counts(_minute(when), version, vector, named)

    def _record(self, version: LoggedVersion, rows: ScoredRows) -> None:
        if not len(rows.when):
            return
        vectors = list(_count_by_minute(version, rows))
        logged, dropped = self._add_rows(version, rows)
        for minute, vector, members in vectors:
            vector[LOGGED] = logged[members].sum()
            vector[DROPPED] = dropped[members].sum()
            vector[NOT_SAMPLED] = len(members) - vector[LOGGED] - vector[DROPPED]
            self._pending.add_counts(minute, version, vector)
            if self._on_counts is not None:
                self._on_counts(minute, version, vector)

    def _add_rows(self, version: LoggedVersion, rows: ScoredRows) -> tuple[Any, Any]:
        """Which rows (n,) are logged, and which are dropped."""
        none = np.zeros(len(rows.when), dtype=bool)
        if not version.has_rows:
            return none, none
        hashes = version.hashes(rows)
        sampled = version.sampled(rows, hashes)
        if self._pending.bytes + self.bytes_elsewhere >= self._most_bytes:
            self._on_drop(int(sampled.sum()))
            return none, sampled
        table = version.table(rows, hashes, self.worker, self._numbers)
        when = rows.when
        if not sampled.all():
            table, when = table.filter(sampled), when[sampled]
        if len(table):
            self._pending.add_rows(version, when, table)
        return sampled, none


class _Guard:
    """Counts rows as dropped that could not be collected, because of an error in this program."""

    def __init__(self, collector: Collector, version: LoggedVersion, when: Sequence[float]) -> None:
        self._collector = collector
        self._version = version
        self._when = when

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        collector = self._collector
        if error is None:
            collector._is_failing = False
            return False
        if not isinstance(error, Exception):
            return False
        if not collector._is_failing:
            _logger.exception("scored rows could not be added to the inference log")
        collector._is_failing = True
        dropped = len(self._when) if self._version.has_rows else 0
        collector._on_drop(dropped)
        for minute, n in Counter(map(_minute, self._when)).items():
            vector = np.zeros(self._version.layout.size)
            vector[[SCORED, DROPPED if dropped else NOT_SAMPLED]] = n
            collector._pending.add_counts(minute, self._version, vector)
        return True


def _minute(when: float) -> int:
    return int(when) // MINUTE * MINUTE


def _count_by_minute(version: LoggedVersion, rows: ScoredRows) -> Any:
    """The counts of each minute, and the positions of its rows."""
    minutes = rows.when.astype(np.int64) // MINUTE * MINUTE
    bins = score_bins(rows.probability)
    predicted = rows.prediction == 1
    for minute in np.unique(minutes).tolist():
        members = np.flatnonzero(minutes == minute)
        is_all = len(members) == len(minutes)
        inputs = (
            rows.inputs if is_all else {name: own[members] for name, own in rows.inputs.items()}
        )
        scorer, layout = version.scorer, version.layout
        yield minute, count_rows(layout, scorer, inputs, bins[members], predicted[members]), members
