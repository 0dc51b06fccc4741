"""What was scored and is not collected yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from churn_model.inference_log.scored_rows import Table
from churn_model.inference_log.singles import Singles
from churn_model.scoring import Score

if TYPE_CHECKING:
    from churn_model.inference_log.logged_version import LoggedVersion

MOST_SINGLES = 1024
"""Customers who were scored alone, of which one entry is made."""

_MOST_WAITING = 100_000
"""Rows; a caller who finds more of them does a part of the work."""


class Rejected(NamedTuple):
    """Rows that were not scored, because they are invalid, and their errors by field and rule."""

    when: float
    rows: int
    rules: Mapping[tuple[str, str], int]


class Failed(NamedTuple):
    """A customer who was scored, but cannot be recorded because of an error in this program."""

    when: float
    error: Exception


Scored: TypeAlias = Singles | Table | Rejected | Failed
Entry: TypeAlias = tuple["LoggedVersion", Scored]


class ScoreQueue:
    """A queue that many threads can add to; adding waits for no other work."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove everything. A forked process needs the new lock, too."""
        self._lock = Lock()
        self._entries: deque[tuple[int, Entry]] = deque()
        self._open: Singles | None = None
        self._version: LoggedVersion | None = None
        self._rows = 0

    @property
    def is_long(self) -> bool:
        """Whether rows are added faster than they are collected."""
        return self._rows > _MOST_WAITING

    def add_single(
        self,
        version: LoggedVersion,
        when: float,
        request_id: bytes | str | None,
        threshold: float | None,
        score: Score,
    ) -> None:
        """Add a customer who was scored alone."""
        with self._lock:
            if self._open is None or self._version is not version:
                self._close()
                self._open = Singles(version.scorer, version.has_values)
                self._version = version
            try:
                self._open.add(when, request_id, threshold, score)
            except Exception as error:  # the caller has its score
                self._append(1, (version, Failed(when, error)))
            if len(self._open) >= MOST_SINGLES:
                self._close()

    def add(self, version: LoggedVersion, scored: Table | Rejected) -> None:
        """Add the customers of one call."""
        rows = len(scored.scores.valid) if isinstance(scored, Table) else 1
        with self._lock:
            self._append(max(1, rows), (version, scored))

    def take(self, rows: int) -> list[Entry]:
        """Remove the first entries: as few as have this many rows, or all."""
        taken: list[Entry] = []
        with self._lock:
            if not self._entries:
                self._close()
            while self._entries and rows > 0:
                size, entry = self._entries.popleft()
                taken.append(entry)
                rows -= size
                self._rows -= size
        return taken

    def __len__(self) -> int:
        """The rows in the queue."""
        return self._rows + (0 if self._open is None else len(self._open))

    def _close(self) -> None:
        """Make an entry of the customers who were scored alone."""
        if self._open is not None and self._version is not None:
            self._append(len(self._open), (self._version, self._open))
        self._open = None

    def _append(self, rows: int, entry: Entry) -> None:
        self._entries.append((rows, entry))
        self._rows += rows
