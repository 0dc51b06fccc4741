"""Writes files of a log, and tries again until that succeeds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

from churn_model.inference_log.collector import Collector
from churn_model.inference_log.options import LogOptions
from churn_model.inference_log.parts import LogFile, Parts
from churn_model.inference_log.storage import Storage, describe_failure

_logger = logging.getLogger("churn_model.inference_log")

_SECONDS_BETWEEN_ATTEMPTS = 0.5


class LogWriter:
    """Writes what a collector has collected.

    The files of one moment are all written aside before the first gets its final name, so a full
    disk leaves either all of them or none, and what they replace stays until then. Until they are
    written, no others are made, and new rows wait in the collector.

    A process that is killed between two renames leaves rows that are not counted; therefore files
    of counts say how many rows of which files they count (``log_format.counted_rows``).
    """

    def __init__(
        self,
        options: LogOptions,
        storage: Storage,
        collector: Collector,
        numbers: Iterator[int],
        on_drop: Callable[[int], None],
        on_failure: Callable[[], None],
    ) -> None:
        self._options = options
        self._storage = storage
        self._collector = collector
        self._parts = Parts(collector.worker, numbers, options.flush_seconds, storage.is_replacing)
        self._on_drop = on_drop
        self._on_failure = on_failure
        self._files: list[LogFile] = []
        self._rows = 0
        self._is_failing = False
        self._lock = threading.Lock()

    def write(self, timeout: float = -1) -> bool:
        """Write everything collected so far; returns whether that succeeded.

        ``timeout``: how many seconds to wait for another thread that is writing, -1 for as long
        as it takes.
        """
        if not self._lock.acquire(timeout=timeout):
            return False
        try:
            return self._write_files() and self._take_files() and self._write_files()
        finally:
            self._lock.release()

    def write_all(self, seconds: float) -> None:
        """Write everything, trying for a number of seconds; then report what is lost."""
        end = time.monotonic() + seconds
        while not self.write(timeout=seconds):
            if time.monotonic() > end:
                lost = self._rows + self._collector.take().rows
                self._on_drop(lost)
                _logger.error(
                    "the inference log in %s could not be written before the end: %d rows and "
                    "their counts are lost",
                    self._options.shown_folder,
                    lost,
                )
                return
            time.sleep(_SECONDS_BETWEEN_ATTEMPTS)

    def _take_files(self) -> bool:
        """Make files of what was collected."""
        pending = self._collector.take()
        try:
            self._files = self._parts.files(pending)
            self._rows = pending.rows
        except Exception:
            _logger.exception("%d rows of the inference log are lost", pending.rows)
            self._on_drop(pending.rows)
            self._collector.bytes_elsewhere = 0
            return False
        return True

    def _write_files(self) -> bool:
        """Write the files that were made; returns whether none is left."""
        if not self._files:
            return True
        try:
            self._stage()
            while self._files:
                self._storage.publish(*self._files[0][:2])
                self._files.pop(0)
        except Exception as error:
            self._discard()
            self._on_failure()
            self._report(error)
            return False
        self._rows = self._collector.bytes_elsewhere = 0
        self._report(None)
        return True

    def _stage(self) -> None:
        for file in self._files:
            self._storage.stage(*file)

    def _discard(self) -> None:
        for folder, name, _ in self._files:
            try:
                self._storage.discard(folder, name)
            except Exception as error:
                _logger.debug("%s was not removed: %s", name, type(error).__name__)

    def _report(self, error: Exception | None) -> None:
        """Log each change between success and failure, not each attempt."""
        folder = self._options.shown_folder
        if error is not None and not self._is_failing:
            reason = describe_failure(error, self._options.folder)
            _logger.error("the inference log in %s cannot be written: %s", folder, reason)
        elif error is None and self._is_failing:
            _logger.warning("the inference log in %s is written again", folder)
        self._is_failing = error is not None
