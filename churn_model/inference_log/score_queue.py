"""What was scored and is not collected yet."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from churn_model.inference_log.scored_rows import ScoredCall
from churn_model.inference_log.singles import Failed, Singles, TakenSingles

if TYPE_CHECKING:
    from churn_model.inference_log.logged_version import LoggedVersion

_MANY_ROWS = 8000
"""As soon as so many rows of tables wait, they are collected, while the processor's cache has
them."""

_MOST_CALLS = 1000
"""Calls that wait. A caller who finds more does a part of the work."""


class Rejected(NamedTuple):
    """Rows that were not scored, because they are invalid, and their errors by field and rule."""

    when: float
    rows: int
    rules: Mapping[tuple[str, str], int]


Scored: TypeAlias = TakenSingles | ScoredCall | Rejected | Failed
Entry: TypeAlias = tuple["LoggedVersion", Scored]


class ScoreQueue:
    """A queue that several threads can add to; adding waits at most for the packing of a batch.

    Customers who are scored alone wait in the ``Singles`` of their version.
    """

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._rows = 0  # of tables; an estimate, because several threads change it
        self._singles: list[tuple[weakref.ref[object], LoggedVersion, Singles]] = []

    def clear(self) -> None:
        """Remove everything."""
        self._entries.clear()
        self._rows = 0
        for _, _, singles in self._singles:
            singles.clear()

    def singles(
        self, version: LoggedVersion, owner: object, on_batch: Callable[[bool], bool]
    ) -> Singles:
        """Where ``owner`` adds customers of a version; removed when the owner no longer exists.

        ``on_batch``: see ``Singles``.
        """
        added = Singles(version.scorer, version.has_values, on_batch)
        self._singles.append((weakref.ref(owner), version, added))
        return added

    def add(self, version: LoggedVersion, scored: ScoredCall | Rejected) -> None:
        """Add the customers of one call."""
        self._entries.append((version, scored))
        if isinstance(scored, ScoredCall):
            self._rows += len(scored.scores.valid)

    def take(self, rows: int) -> tuple[list[Entry], bool]:
        """Remove the first entries, until they have this many rows; whether there may be more.

        Only one thread may call it.
        """
        taken: list[Entry] = []
        while self._entries and rows > 0:
            version, scored = self._entries.popleft()
            taken.append((version, scored))
            if isinstance(scored, ScoredCall):
                rows -= len(scored.scores.valid)
                self._rows -= len(scored.scores.valid)
            else:
                rows -= 1
        if not self._entries:
            self._rows = 0
        for known in list(self._singles):
            owner, alone, singles = known
            gone = owner() is None  # before its last customers are taken
            if rows <= 0:
                break
            own = singles.take(rows)
            if own:
                taken.extend((alone, scored) for scored in own)
                rows -= sum(1 if isinstance(scored, Failed) else len(scored.when) for scored in own)
            elif gone:
                self._singles.remove(known)  # in place, because another thread may add to the list
        return taken, rows <= 0

    @property
    def has_many_rows(self) -> bool:
        """Whether enough rows of tables wait to be collected at once."""
        return self._rows > _MANY_ROWS

    @property
    def is_behind(self) -> bool:
        """Whether customers are added faster than they are collected."""
        return len(self._entries) > _MOST_CALLS
