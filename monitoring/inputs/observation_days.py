"""The days on which the rows of a table were observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from churn_model.arrays import Mask
from churn_model.dates import day_numbers
from churn_model.errors import MonitoringError
from churn_model.suggestions import did_you_mean
from churn_model.tables.reading.row_checker import CORRUPT, LINE, parse_line
from churn_model.tables.typed import plain
from churn_model.tables.utf8 import as_text

DayNumbers = npt.NDArray[np.int64]

_ISO: Final = r"^\s*\d{4}-\d\d-\d\d"
_FIRST: Final = np.datetime64("1900-01-01", "D")


@dataclass(frozen=True)
class ObservationDays:
    """Reads the observation dates in a column, batch by batch.

    ``source``: the table. ``column``: of dates or timestamps, or of strings in ISO format; a
    timestamp with a zone counts by its day in UTC.
    """

    source: str
    column: str

    def __call__(self, batch: pa.RecordBatch) -> DayNumbers:
        """The day numbers (n,) of a batch.

        A row without cells of its own, such as a line that is not JSON, has the day of the row
        before it. Raises MonitoringError for a table without the column, and for a cell that is
        not a date, is before 1900 or in the future.
        """
        cells, is_broken = self._cells(batch)
        days = self._days(cells)
        # clocks in other zones may be a day ahead
        last = np.datetime64(datetime.now(timezone.utc).date(), "D") + 1
        self._check(cells, np.isnat(days) & ~is_broken, "is not a date such as 2026-01-31")
        self._check(cells, days < _FIRST, "is before 1900")
        self._check(cells, days > last, "is in the future")
        numbers = pd.Series(day_numbers(days)).ffill().bfill()
        if numbers.isna().any():
            raise MonitoringError(
                f"{self.source}: its first {len(cells):,} rows cannot be read, so that they have "
                f"no --as-of {self.column}; correct the table"
            )
        result: DayNumbers = numbers.to_numpy(np.int64)
        return result

    def _cells(self, batch: pa.RecordBatch) -> tuple[pa.Array, Mask]:
        """The column of a batch, and which rows (n,) have no cells of their own."""
        names = batch.schema.names
        if names == [LINE]:
            return _field_of_lines(batch.column(LINE).to_pylist(), self.column)
        array = plain(batch.column(self._find(names)))
        if CORRUPT not in names:
            return array, np.zeros(batch.num_rows, dtype=bool)
        return array, batch.column(CORRUPT).is_valid().to_numpy(zero_copy_only=False)

    def _find(self, names: Sequence[str]) -> str:
        found = [name for name in names if name.strip().strip("\ufeff").strip() == self.column]
        if len(found) > 1:
            raise MonitoringError(
                f"{self.source}: column {self.column!r} occurs {len(found)} times; keep one"
            )
        if not found:
            names = [name for name in names if name != CORRUPT]
            raise MonitoringError(
                f"{self.source}: has no column {self.column!r} for --as-of."
                f"{did_you_mean(self.column, names)} The columns are "
                f"{', '.join(map(repr, names[:50]))}"
            )
        return found[0]

    def _days(self, cells: pa.Array) -> npt.NDArray[np.datetime64]:
        kind = cells.type
        if pa.types.is_null(kind):
            return np.full(len(cells), np.datetime64("NaT", "D"))
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):  # in UTC, whatever the zone
            times: npt.NDArray[np.datetime64] = cells.to_numpy(zero_copy_only=False)
            return times.astype("datetime64[D]")
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return _days_of_texts(as_text(cells))
        raise MonitoringError(
            f"{self.source}: --as-of {self.column}: has values of type {kind}, not dates"
        )

    def _check(self, cells: pa.Array, is_wrong: Mask, reason: str) -> None:
        if is_wrong.any():
            self._raise(cells[int(np.flatnonzero(is_wrong)[0])].as_py(), reason)

    def _raise(self, value: Any, reason: str) -> NoReturn:
        shown = "an empty cell" if value is None else repr(str(value)[:40])
        raise MonitoringError(
            f"{self.source}: --as-of {self.column}: {shown} {reason}; correct the table"
        )


def _field_of_lines(lines: Sequence[bytes], name: str) -> tuple[pa.Array, Mask]:
    """A field of each JSON line (n,) that is a string, and which lines are not objects."""
    records: list[Any] = []
    for line in lines:
        try:
            records.append(parse_line(line)[0])
        except orjson.JSONDecodeError:
            records.append(None)
    is_broken = np.array([not isinstance(record, dict) for record in records], dtype=bool)
    cells = [record.get(name) if isinstance(record, dict) else None for record in records]
    texts = [cell if isinstance(cell, str) and cell.isprintable() else None for cell in cells]
    return pa.array(texts, pa.string()), is_broken


def _days_of_texts(texts: pa.Array) -> npt.NDArray[np.datetime64]:
    """The days (n,) of ISO dates and timestamps; NaT for anything else."""
    distinct = texts.dictionary_encode()
    iso = pc.if_else(pc.match_substring_regex(distinct.dictionary, _ISO), distinct.dictionary, None)
    cells = pd.Series(iso.to_pylist(), dtype=object).str.strip()
    times = pd.to_datetime(cells, errors="coerce", utc=True, format="ISO8601")
    days = times.dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    known = np.append(days, np.datetime64("NaT", "D"))
    chosen = distinct.indices.fill_null(len(days)).to_numpy(zero_copy_only=False)
    result: npt.NDArray[np.datetime64] = known[chosen]
    return result
