"""Removes date folders of a log that are older than its retention."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone

from churn_model.inference_log.log_format import (
    COUNTS_FOLDER,
    day_of_folder,
    is_complete,
    is_own,
    is_part_name,
)
from churn_model.inference_log.options import LogOptions
from churn_model.inference_log.storage import Storage, describe_failure

_logger = logging.getLogger("churn_model.inference_log")

_SECONDS_BETWEEN = 86_400.0


class Retention:
    """Applies ``options.retention_days`` once per day. Foreign files are left alone."""

    def __init__(self, options: LogOptions, storage: Storage) -> None:
        self._options = options
        self._storage = storage
        self._due = 0.0

    def apply_if_due(self, now: Callable[[], float] = time.time) -> None:
        """Remove what is too old, if that was not done within a day."""
        if self._options.retention_days is None or now() < self._due:
            return
        self._due = now() + _SECONDS_BETWEEN
        today = datetime.fromtimestamp(now(), timezone.utc).date()
        first = today - timedelta(days=self._options.retention_days)
        try:
            for folder in ("", COUNTS_FOLDER):
                remove_before(first, self._storage, folder)
        except Exception as error:
            reason = describe_failure(error, self._options.folder)
            _logger.warning("old files of the inference log were not removed: %s", reason)


def remove_before(first: date, storage: Storage, folder: str = "") -> None:
    """Remove the log's files in date folders before a day, and the folders that are then empty."""
    for name, is_folder in list(storage.list(folder)):
        day = day_of_folder(name)
        if is_folder and day is not None and day < first:
            _empty(storage, f"{folder}/{name}" if folder else name)


def _empty(storage: Storage, folder: str) -> None:
    for name, is_folder in list(storage.list(folder)):
        if not is_folder and is_part_name(name) and _is_removable(storage, folder, name):
            storage.remove(folder, name)
    storage.remove_folder(folder)


def _is_removable(storage: Storage, folder: str, name: str) -> bool:
    """Whether a file is one of the log's: by its metadata, or one that was never completed."""
    return not is_complete(name) or is_own(storage.read_metadata(folder, name))
