"""What waits to be written: rows and counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats
from churn_model.inference_log.count_vector import VersionCounts
from churn_model.inference_log.logged_version import LoggedVersion

if TYPE_CHECKING:
    import pyarrow as pa

MINUTE, HOUR = 60, 3600
Members: TypeAlias = slice | npt.NDArray[np.intp]
"""Positions of the rows of a group: an array, or ``slice(None)`` for all rows."""

_MOST_COUNTS = 240
"""Counts (one per minute and version) that may wait; beyond, they are added up by hour."""


@dataclass
class Pending:
    """Rows and counts that are written together, so that the counts always match the rows.

    ``tables``: by hour (hours since 1970) and version, tables of rows. ``counts``: by minute (in
    seconds since 1970) and version. ``bytes``: of the rows. ``rows``: their number.
    """

    tables: dict[tuple[int, LoggedVersion], list[pa.Table]] = field(default_factory=dict)
    counts: dict[tuple[int, LoggedVersion], VersionCounts] = field(default_factory=dict)
    bytes: int = 0
    rows: int = 0

    def add_counts(
        self, minute: int, version: LoggedVersion, vector: Floats, rules: Any = ()
    ) -> None:
        """Add counts of a minute."""
        added = VersionCounts(vector)
        added.rules.update(rules)
        known = self.counts.get((minute, version))
        if known is not None:
            known.add(added)
            return
        if len(self.counts) >= _MOST_COUNTS:
            self.counts = _added_up_by_hour(self.counts)
        self.counts[minute, version] = added

    def add_rows(self, version: LoggedVersion, when: Floats, table: pa.Table) -> None:
        """Add rows (n,), scored at ``when`` (n,)."""
        self.bytes += table.nbytes
        self.rows += len(table)
        for start, members in by_period(when, HOUR):
            part = table if isinstance(members, slice) else table.take(members)
            self.tables.setdefault((start // HOUR, version), []).append(part)


def by_period(when: Floats, seconds: int) -> Iterator[tuple[int, Members]]:
    """Group times (n,) by periods of ``seconds``: the start of each and the positions of its times.

    Times and starts are in seconds since 1970.
    """
    if not len(when):
        return
    first, last = (int(time) // seconds * seconds for time in (when.min(), when.max()))
    if first == last:
        yield first, slice(None)
        return
    starts = when.astype(np.int64) // seconds * seconds
    for start in np.unique(starts).tolist():
        yield start, np.flatnonzero(starts == start)


def _added_up_by_hour(
    counts: dict[tuple[int, LoggedVersion], VersionCounts],
) -> dict[tuple[int, LoggedVersion], VersionCounts]:
    added: dict[tuple[int, LoggedVersion], VersionCounts] = {}
    for (minute, version), own in counts.items():
        key = (minute - minute % HOUR, version)
        if key in added:
            added[key].add(own)
        else:
            added[key] = own
    return added
