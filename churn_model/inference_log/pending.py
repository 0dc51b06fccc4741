"""What waits to be written: rows and counts, and the files that are made of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from churn_model.arrays import Floats
from churn_model.inference_log import log_format
from churn_model.inference_log.count_vector import VersionCounts, counts_table
from churn_model.inference_log.logged_version import LoggedVersion

if TYPE_CHECKING:
    import pyarrow as pa

MINUTE, HOUR, DAY = 60, 3600, 86_400
_MOST_MINUTES = 240
"""Minutes whose counts may wait; beyond, they are added up by hour, so that they stay small."""

_REPEATED = ["request_id", "model_name", "model_version", "source", "sampling_fraction"]


class LogFile(NamedTuple):
    """A complete file: where it belongs, and its content."""

    folder: str
    name: str
    content: bytes


@dataclass
class Pending:
    """Rows and counts that are written together, so that the counts always match the rows.

    ``tables``: by day (days since 1970) and version, tables of rows. ``counts``: by minute (in
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
        if len(self.counts) >= _MOST_MINUTES:
            self.counts = _by_hour(self.counts)
        self.counts[minute, version] = added

    def add_rows(self, version: LoggedVersion, when: Floats, table: pa.Table) -> None:
        """Add rows (n,), scored at ``when`` (n,)."""
        self.bytes += table.nbytes
        self.rows += len(table)
        days = (when // DAY).astype(np.int64)
        for day in np.unique(days).tolist():
            part = table if (days == day).all() else table.filter(days == day)
            self.tables.setdefault((day, version), []).append(part)

    def files(self, worker: str, numbers: Iterator[int]) -> list[LogFile]:
        """The files of these rows and counts; ``numbers`` are the next numbers of files."""
        found = [
            LogFile(
                log_format.date_folder(_day(day * DAY)),
                log_format.part_name(worker, next(numbers)),
                _parquet(tables, _REPEATED),
            )
            for day, tables in self._tables_by_schema()
        ]
        days: dict[int, list[Any]] = {}
        for (minute, version), counts in sorted(self.counts.items(), key=lambda item: item[0][0]):
            row = (minute, version.key, version.layout, counts)
            days.setdefault(minute // DAY, []).append(row)
        for day, rows in days.items():
            folder = f"{log_format.COUNTS_FOLDER}/{log_format.date_folder(_day(day * DAY))}"
            name = log_format.part_name(worker, next(numbers))
            found.append(LogFile(folder, name, _parquet([counts_table(rows)], True)))
        return found

    def _tables_by_schema(self) -> Iterator[tuple[int, list[pa.Table]]]:
        """Rows by day; versions with the same columns share a file."""
        groups: list[tuple[int, Any, list[pa.Table]]] = []
        for (day, version), tables in self.tables.items():
            for known_day, schema, known in groups:
                if day == known_day and schema.equals(version.row_schema, check_metadata=True):
                    known += tables
                    break
            else:
                groups.append((day, version.row_schema, list(tables)))
        for day, _, tables in groups:
            yield day, tables


def _by_hour(
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


def _day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, timezone.utc).date()


def _parquet(tables: list[pa.Table], repeated: bool | list[str]) -> bytes:
    """Tables as a Parquet file. ``repeated``: the columns whose values often repeat."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.concat_tables(tables)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", use_dictionary=repeated)
    return buffer.getvalue()
