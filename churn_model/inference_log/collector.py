"""Turns what waits in the queue into rows and counts."""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from threading import Lock
from typing import Any

import numpy as np

from churn_model.arrays import Floats
from churn_model.inference_log.count_vector import (
    DROPPED,
    LOGGED,
    NOT_SAMPLED,
    REJECTED,
    SCORED,
    count_rows,
)
from churn_model.inference_log.logged_version import LoggedVersion
from churn_model.inference_log.pending import MINUTE, Members, Pending, by_period
from churn_model.inference_log.score_queue import Entry, Rejected, ScoreQueue
from churn_model.inference_log.scored_rows import ScoredCall, ScoredRows, rows_of_tables
from churn_model.inference_log.singles import Failed, TakenSingles
from churn_model.profile.score_bins import score_bins

_logger = logging.getLogger("churn_model.inference_log")

_CHUNK = 16_384
"""Rows that are collected in one step. A step costs a millisecond besides its rows, and a longer
one holds the interpreter lock longer."""

_CHUNK_OF_CALLER = 8192
"""Rows that a caller collects if the threads are behind."""

_PAUSE = 0.0005
"""Seconds between two steps, in which the other threads run."""


class Collector:
    """Turns scores into rows and counts.

    ``queue``: callers add to it, which is all that they wait for. ``drain`` does the work, in one
    thread at a time. Rows that do not fit into ``most_bytes`` are dropped; all rows are counted.
    ``on_drop``: is called with the number of dropped rows. ``on_counts``: is called with the
    minute, the version and the counts of each group of scored rows.
    """

    def __init__(
        self,
        queue: ScoreQueue,
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
        self.queue = queue
        self._draining = Lock()
        self._pending = Pending()
        self._number = 0
        self._reported: set[tuple[Any, type[Exception]]] = set()  # by version and kind of error

    def collect_some(self) -> None:
        """Do a part of the work, if no other thread is at it."""
        if self._draining.acquire(blocking=False):
            try:
                self._collect_step(_CHUNK_OF_CALLER)
            finally:
                self._draining.release()

    def drain(self) -> None:
        """Turn everything that is in the queue now into rows and counts.

        What is added in the meantime waits for the next call: a step costs as much as two thousand
        rows, and under load there are always a few more.
        """
        with self._draining:
            while self._collect_step():
                time.sleep(_PAUSE)

    def take(self) -> Pending:
        """Everything since the last call."""
        with self._draining:
            while self._collect_step():
                pass
            taken, self._pending = self._pending, Pending()
            self.bytes_elsewhere = taken.bytes
        return taken

    def _collect_step(self, rows: int = _CHUNK) -> bool:
        """Collect about this many rows of the queue; returns whether there may be more."""
        entries, has_more = self.queue.take(rows)
        for (version, kind), group in groupby(entries, _version_and_kind):
            for scored in _tables_together(kind, [own for _, own in group]):
                if isinstance(scored, Rejected):
                    self._reject(version, scored)
                else:
                    self._collect(version, scored)
        return has_more

    def _collect(
        self, version: LoggedVersion, scored: TakenSingles | Failed | list[ScoredCall]
    ) -> None:
        if isinstance(scored, Failed):
            with self._dropped_on_error(version, np.array([scored.when])):
                raise scored.error
        elif isinstance(scored, TakenSingles):
            with self._dropped_on_error(version, scored.when):
                self._record(version, scored.rows())
        else:
            self._collect_tables(version, scored)

    def _collect_tables(self, version: LoggedVersion, scored: list[ScoredCall]) -> None:
        valid = [int(table.scores.valid.sum()) for table in scored]
        when = np.repeat([table.when for table in scored], valid)
        with self._dropped_on_error(version, when):
            self._record(version, rows_of_tables(version.scorer, scored, version.has_values))
        for table in scored:
            if errors := table.scores.errors:
                self._reject(version, Rejected(table.when, errors.row_count(), errors.counts()))

    @contextmanager
    def _dropped_on_error(self, version: LoggedVersion, when: Floats) -> Iterator[None]:
        """Count rows (n,) as dropped that an error in this program keeps from being collected."""
        try:
            yield
        except Exception as error:
            kind = (version.key, type(error))
            if kind not in self._reported:
                self._reported.add(kind)
                _logger.exception("scored rows could not be added to the inference log")
        else:
            return
        dropped = len(when) if version.has_rows else 0
        self._on_drop(dropped)
        for minute, members in by_period(when, MINUTE):
            vector = np.zeros(version.layout.size)
            vector[[SCORED, DROPPED if dropped else NOT_SAMPLED]] = len(when[members])
            self._pending.add_counts(minute, version, vector)

    def _reject(self, version: LoggedVersion, rejected: Rejected) -> None:
        vector = np.zeros(version.layout.size)
        vector[REJECTED] = rejected.rows
        named = Counter({f"{field}:{rule}": n for (field, rule), n in rejected.rules.items()})
        minute = int(rejected.when) // MINUTE * MINUTE
        self._pending.add_counts(minute, version, vector, named)

    def _record(self, version: LoggedVersion, rows: ScoredRows) -> None:
        if not len(rows.when):
            return
        vectors = list(_count_by_minute(version, rows))
        logged, dropped = self._add_rows(version, rows)
        for minute, vector, members in vectors:
            vector[LOGGED] = logged[members].sum()
            vector[DROPPED] = dropped[members].sum()
            vector[NOT_SAMPLED] = vector[SCORED] - vector[LOGGED] - vector[DROPPED]
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
        table = version.table(rows, hashes, self.worker, self._number)
        self._number += len(table)
        when = rows.when
        if not sampled.all():
            table, when = table.filter(sampled), when[sampled]
        if len(table):
            self._pending.add_rows(version, when, table)
        return sampled, none


def _version_and_kind(entry: Entry) -> tuple[LoggedVersion, type]:
    return entry[0], type(entry[1])


def _tables_together(
    kind: type, scored: list[Any]
) -> Iterator[TakenSingles | Rejected | Failed | list[ScoredCall]]:
    """What was scored, with tables in groups of not many more than _CHUNK rows.

    A group of small tables costs as much as one of them.
    """
    if kind is not ScoredCall:
        yield from scored
        return
    group: list[ScoredCall] = []
    rows = 0
    for table in scored:
        group.append(table)
        rows += len(table.scores.valid)
        if rows >= _CHUNK:
            yield group
            group, rows = [], 0
    if group:
        yield group


def _count_by_minute(
    version: LoggedVersion, rows: ScoredRows
) -> Iterator[tuple[int, Floats, Members]]:
    """For each minute: its start, its counts, and the positions of its rows."""
    bins = score_bins(rows.probability)
    predicted = rows.prediction == 1
    for minute, members in by_period(rows.when, MINUTE):
        inputs = {name: own[members] for name, own in rows.inputs.items()}
        vector = count_rows(
            version.layout, version.scorer, inputs, bins[members], predicted[members]
        )
        yield minute, vector, members
