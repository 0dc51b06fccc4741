"""``InferenceLog``: records what versions score, off the path of the calls that score.

Callers add to a queue. One thread turns the queue into rows and counts; another writes files,
so that a slow or full disk delays only the writing.
"""

from __future__ import annotations

import atexit
import logging
import multiprocessing.util
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from itertools import count
from typing import Any

from churn_model.errors import InvalidRecords
from churn_model.inference_log.collector import Collector
from churn_model.inference_log.log_writer import LogWriter
from churn_model.inference_log.logged_version import LoggedVersion
from churn_model.inference_log.options import LogOptions
from churn_model.inference_log.retention import Retention
from churn_model.inference_log.score_queue import Rejected, ScoreQueue
from churn_model.inference_log.scored_rows import ScoredCall
from churn_model.inference_log.storage import check_writable, open_storage
from churn_model.scoring import Scorer, Scores
from churn_model.validation.field_errors import FieldErrors

_logger = logging.getLogger("churn_model.inference_log")

_DRAIN_SECONDS = 0.5
_CONTINUOUS_SECONDS = 0.02
_AT_STOP_SECONDS = 5.0
"""How long a stop tries to write what waits."""

_open_logs: weakref.WeakSet[InferenceLog] = weakref.WeakSet()


class InferenceLog:
    """A log of inferences.

    ``on_drop``: is called with the number of rows that were dropped. ``on_failure``: is called for
    each failed attempt to write. ``on_counts``: see ``Collector``. Raises InferenceLogError if the
    folder's file system is unknown.
    """

    def __init__(
        self,
        options: LogOptions,
        *,
        on_drop: Callable[[int], None] = lambda rows: None,
        on_failure: Callable[[], None] = lambda: None,
        on_counts: Callable[[int, LoggedVersion, Any], None] | None = None,
    ) -> None:
        self.options = options
        import_module("pyarrow.parquet")  # now, and not when rows wait to be written
        self._storage = open_storage(options.folder)
        self._at_stop_seconds = _AT_STOP_SECONDS
        self.queue = ScoreQueue()
        self._callbacks = on_drop, on_failure, on_counts
        self._reset()
        _open_logs.add(self)

    def check(self) -> None:
        """Raise InferenceLogError if the folder cannot be written."""
        check_writable(self._storage, self.options.folder, self._collector.worker)

    def _reset(self) -> None:
        """Start with nothing collected, and without threads."""
        self.is_started = False
        self.queue.clear()
        on_drop, on_failure, on_counts = self._callbacks
        self._collector = Collector(self.queue, self.options.most_bytes, on_drop, on_counts)
        self._writer = LogWriter(
            self.options, self._storage, self._collector, count(), on_drop, on_failure
        )
        self._retention = Retention(self.options, self._storage)
        self._starting = threading.Lock()
        self._stopping = threading.Event()
        self._continuous = threading.Event()
        self._woken = threading.Event()
        self._waiting = threading.Event()
        self._threads: list[threading.Thread] = []

    def version(
        self, scorer: Scorer, name: str | None, version: str | None, source: str | None = None
    ) -> VersionLog:
        """What records the scores of a version. ``source``: of its customers, if not the log's.

        Raises InferenceLogError if a field has the name of a column of the log.
        """
        options = self.options if source is None else replace(self.options, source=source)
        return VersionLog(self, LoggedVersion(options, scorer, name, version))

    def wake_collector(self, is_behind: bool = False) -> None:
        """Start or wake the threads. If they are behind, collect a part of what waits.

        They are not started at once, because a process may fork before it scores.
        """
        if self.is_started:
            self._waiting.set()
            if is_behind:
                self._collector.collect_some()
            return
        with self._starting:
            if self._threads or self._stopping.is_set():
                return
            self._threads = [
                threading.Thread(target=target, name=f"inference log: {name}", daemon=True)
                for name, target in (("collect", self._collect), ("write", self._write))
            ]
            for thread in self._threads:
                thread.start()
            self.is_started = True
        atexit.register(self.close)
        # processes of multiprocessing that were forked end without running atexit's functions
        multiprocessing.util.Finalize(self, _close, (weakref.ref(self),), exitpriority=10)

    def wake_for_singles(self, is_behind: bool) -> bool:
        """Wake the collector if that is needed; returns whether it runs."""
        if is_behind or not self.is_started:
            self.wake_collector(is_behind)
        return self.is_started

    def _collect(self) -> None:
        while not self._stopping.is_set():
            self._sleep(_DRAIN_SECONDS, self._waiting)
            self._waiting.clear()
            self._collector.drain()

    def _write(self) -> None:
        self._retention.apply_if_due()
        while not self._stopping.is_set():
            self._sleep(self.options.flush_seconds, self._woken)
            self._writer.write()
            self._retention.apply_if_due()

    def _sleep(self, seconds: float, woken: threading.Event) -> None:
        """Wait until ``woken`` is set or the time is over; only briefly if writing continuously."""
        if self._continuous.is_set():
            self._stopping.wait(_CONTINUOUS_SECONDS)
        else:
            woken.wait(seconds)

    def write_continuously(self) -> None:
        """Write at once and all the time from now on, because the process may end at any moment."""
        self._continuous.set()
        self._woken.set()
        self._waiting.set()

    def flush(self) -> bool:
        """Write everything that was added; returns whether that succeeded."""
        return self._writer.write()

    def close(self) -> None:
        """Write everything that was added, and end the threads."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._woken.set()
        self._waiting.set()
        for thread in self._threads:
            thread.join(self._at_stop_seconds)
        self._writer.write_all(self._at_stop_seconds)
        atexit.unregister(self.close)


def _close(reference: weakref.ref[InferenceLog]) -> None:
    log = reference()
    if log is not None:
        log.close()


def _forget_in_child() -> None:
    """A forked process has no threads, and its parent writes what was collected so far."""
    for log in _open_logs:
        log._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


class VersionLog:
    """Records the scores of one version. Its methods only add to a queue."""

    def __init__(self, log: InferenceLog, version: LoggedVersion) -> None:
        self._log = log
        self._queue = log.queue
        self._version = version
        self._singles = log.queue.singles(version, self, log.wake_for_singles)
        self.single = self._singles.add
        """Records a customer who was scored alone; see ``Singles.add``."""

    def __deepcopy__(self, _: Any) -> VersionLog:
        """The same log: a copied model records its scores with those of the original."""
        return self

    def table(
        self, scores: Scores, request_id: bytes | str | None = None, threshold: float | None = None
    ) -> None:
        """Record the customers of a table, and which were rejected."""
        self._add(ScoredCall(time.time(), request_id, threshold, scores))

    def rejected(self, error: InvalidRecords) -> None:
        """Record a call that failed because customers are invalid."""
        errors = error.errors
        if isinstance(errors, FieldErrors):
            rows = errors.row_count()
        else:
            rows = len({own.row for own in errors})
        self._add(Rejected(time.time(), rows, error.counts))

    def _add(self, scored: ScoredCall | Rejected) -> None:
        queue = self._queue
        queue.add(self._version, scored)
        is_behind = queue.is_behind
        if is_behind or queue.has_many_rows or not self._log.is_started:
            self._log.wake_collector(is_behind)
