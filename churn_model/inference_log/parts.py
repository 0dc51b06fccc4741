"""The files that are made of what was collected.

There is one file of counts per worker and UTC hour, and one of rows per set of columns, as long as
they are small: what was collected is added to what the current file contains, and the file is
written anew under the same name. Otherwise, there would be two files per worker every few seconds.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from churn_model.inference_log import log_format
from churn_model.inference_log.count_vector import VersionCounts, counts_table
from churn_model.inference_log.logged_version import LoggedVersion
from churn_model.inference_log.options import FLUSH_SECONDS
from churn_model.inference_log.pending import HOUR, Pending

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROW_BYTES: Final = 4 * 2**20
MOST_COUNT_BYTES: Final = 8 * 2**20
"""A file is written anew while it has less than this, in bytes of memory: about 25,000 rows, or
125,000 counts. Then it costs up to 25 ms, at most every FLUSH_SECONDS."""

_MOST_CURRENT = 4
"""Files of rows with other columns that are kept in memory, to be written anew."""

_REPEATED = ["model_name", "model_version", "source", "sampling_fraction"]
"""Columns of rows whose values repeat. A dictionary of the others would cost more than it saves."""


class LogFile(NamedTuple):
    """A complete file: where it belongs, and its content."""

    folder: str
    name: str
    content: bytes


@dataclass(frozen=True)
class Part:
    """A file. ``hour``: since 1970."""

    hour: int
    number: int


@dataclass(frozen=True)
class RowPart(Part):
    """A file of rows."""

    table: pa.Table


@dataclass(frozen=True)
class CountPart(Part):
    """A file of counts.

    ``latest``: the counts that were added last, by minute and version; further ones of the same
    minute are added to them. ``earlier``: all others, as tables. ``rows``: the files of the rows
    that are counted here, and how many rows they had.
    """

    latest: Mapping[tuple[int, LoggedVersion], VersionCounts] = field(default_factory=dict)
    earlier: tuple[pa.Table, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)

    def extended(
        self,
        added: Mapping[tuple[int, LoggedVersion], VersionCounts],
        rows: Mapping[str, int],
    ) -> CountPart:
        """The file with further counts."""
        passed = {key: own for key, own in self.latest.items() if key not in added}
        latest = {key: _sum(self.latest.get(key), own) for key, own in added.items()}
        earlier = (*self.earlier, _table(passed)) if passed else self.earlier
        return CountPart(self.hour, self.number, latest, earlier, {**self.rows, **rows})

    def table(self) -> pa.Table:
        """Its content."""
        import pyarrow as pa

        table = pa.concat_tables([*self.earlier, _table(self.latest)])
        return table.replace_schema_metadata(log_format.with_rows(table.schema.metadata, self.rows))


_Part = TypeVar("_Part", bound=Part)


class Parts:
    """The files of one worker.

    ``numbers``: the next numbers of files. ``flush_seconds``: how often they are written; if that
    is more often than by default, smaller files are begun, so that it costs no more.
    ``is_replacing``: whether files can be replaced; otherwise each is written only once.
    """

    def __init__(
        self, worker: str, numbers: Iterator[int], flush_seconds: float, is_replacing: bool
    ) -> None:
        self._worker = worker
        self._numbers = numbers
        self._share = min(flush_seconds / FLUSH_SECONDS, 1.0) if is_replacing else 0.0
        self._rows: list[RowPart] = []
        self._counts: list[CountPart] = []

    def files(self, pending: Pending) -> list[LogFile]:
        """The files to write for these rows and counts, those of an hour after each other.

        Each is new, or replaces one of this worker. After an error, nothing has been added.
        """
        rows = [self._row_part(*group) for group in _by_hour_and_columns(pending)]
        counts = [self._count_part(*group, rows) for group in _by_hour(pending.counts)]
        found = [(part.hour, self._row_file(part)) for part in rows]
        found += [(part.hour, self._count_file(part)) for part in counts]
        latest = _last_of_columns(_latest(self._rows, rows))[-_MOST_CURRENT:]
        self._rows = [part for part in latest if self._is_small(part.table)]
        self._counts = [part for part in _latest(self._counts, counts) if self._is_short(part)]
        return [file for _, file in sorted(found, key=lambda own: own[0])]

    def _row_part(self, hour: int, added: pa.Table) -> RowPart:
        import pyarrow as pa

        for part in self._rows:
            is_same = part.hour == hour and _has_columns(part.table, added.schema)
            if is_same and self._is_small(part.table, added):
                table = pa.concat_tables([part.table, added]).combine_chunks()
                return RowPart(hour, part.number, table)
        # nothing will be added to a table that is not small, so it is written without a copy
        table = added.combine_chunks() if self._is_small(added) else added
        return RowPart(hour, next(self._numbers), table)

    def _is_small(self, *tables: pa.Table) -> bool:
        return _bytes(tables) < self._share * MOST_ROW_BYTES

    def _is_short(self, part: CountPart) -> bool:
        return _bytes(part.earlier) < self._share * MOST_COUNT_BYTES

    def _count_part(
        self,
        hour: int,
        added: Mapping[tuple[int, LoggedVersion], VersionCounts],
        parts: list[RowPart],
    ) -> CountPart:
        rows = {self._name(part.number): len(part.table) for part in parts if part.hour == hour}
        known = (part for part in self._counts if part.hour == hour)
        part = next(known, None) or CountPart(hour, next(self._numbers))
        return part.extended(added, rows)

    def _name(self, number: int) -> str:
        return log_format.part_name(self._worker, number)

    def _row_file(self, part: RowPart) -> LogFile:
        content = _parquet(part.table, _REPEATED, ["scored_at"])
        return LogFile(_date_folder(part.hour), self._name(part.number), content)

    def _count_file(self, part: CountPart) -> LogFile:
        folder = f"{log_format.COUNTS_FOLDER}/{_date_folder(part.hour)}"
        return LogFile(folder, self._name(part.number), _parquet(part.table(), True, True))


def _bytes(tables: Iterable[pa.Table]) -> int:
    return sum(int(table.nbytes) for table in tables)


def _latest(known: list[_Part], written: list[_Part]) -> list[_Part]:
    """The files of the hour that was written last, which may be written anew."""
    numbers = {part.number for part in written}
    parts = [*(part for part in known if part.number not in numbers), *written]
    return [part for part in parts if part.hour == parts[-1].hour]


def _has_columns(table: pa.Table, schema: pa.Schema) -> bool:
    return bool(table.schema.equals(schema, check_metadata=True))


def _last_of_columns(parts: list[RowPart]) -> list[RowPart]:
    """The last file of each set of columns."""
    return [
        part
        for i, part in enumerate(parts)
        if not any(_has_columns(later.table, part.table.schema) for later in parts[i + 1 :])
    ]


def _by_hour_and_columns(pending: Pending) -> Iterator[tuple[int, pa.Table]]:
    """Rows by hour; versions with the same columns share a file."""
    import pyarrow as pa

    groups: list[tuple[int, Any, list[pa.Table]]] = []
    for (hour, version), tables in sorted(pending.tables.items(), key=lambda item: item[0][0]):
        for known_hour, schema, known in groups:
            if hour == known_hour and schema.equals(version.row_schema, check_metadata=True):
                known += tables
                break
        else:
            groups.append((hour, version.row_schema, list(tables)))
    for hour, _, tables in groups:
        yield hour, pa.concat_tables(tables)


def _by_hour(
    counts: Mapping[tuple[int, LoggedVersion], VersionCounts],
) -> Iterable[tuple[int, dict[tuple[int, LoggedVersion], VersionCounts]]]:
    hours: dict[int, dict[tuple[int, LoggedVersion], VersionCounts]] = {}
    for key in sorted(counts, key=lambda key: key[0]):
        hours.setdefault(key[0] // HOUR, {})[key] = counts[key]
    return hours.items()


def _sum(known: VersionCounts | None, added: VersionCounts) -> VersionCounts:
    if known is None:
        return added
    return VersionCounts(known.vector + added.vector, known.rules + added.rules)


def _table(counts: Mapping[tuple[int, LoggedVersion], VersionCounts]) -> pa.Table:
    return counts_table(
        [(minute, version.key, version.layout, own) for (minute, version), own in counts.items()]
    )


def _date_folder(hour: int) -> str:
    return log_format.date_folder(datetime.fromtimestamp(hour * HOUR, timezone.utc).date())


def _parquet(table: pa.Table, repeated: bool | list[str], statistics: bool | list[str]) -> bytes:
    """A table as a Parquet file.

    ``repeated``: the columns whose values often repeat. ``statistics``: those with statistics.
    """
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(
        table, buffer, compression="zstd", use_dictionary=repeated, write_statistics=statistics
    )
    return buffer.getvalue()
