"""The counts of a table of customers, which are validated and scored as ``churn score`` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from churn_model.dates import scoring_day
from churn_model.errors import MonitoringError, TableError
from churn_model.profile import CellCounts
from churn_model.profile.cell_counts import count_customers
from churn_model.scoring import Scorer
from churn_model.tables.reading.batches import folder_columns, read
from churn_model.tables.reading.checked_rows import CheckedRows
from churn_model.tables.reading.locations import file_names
from churn_model.tables.reading.row_checker import FORMS, RowChecker
from churn_model.tables.reading.source import Source, format_of
from churn_model.validation import Checked
from monitoring.inputs.observation_days import DayNumbers, ObservationDays
from monitoring.windows import EPOCH, Population, Window
from pyfunc.loaded_version import LoadedVersion

TABLE: Final = "table"
"""The source of the customers of a table."""

_DAY: Final = timedelta(days=1)
_MOST_WINDOWS: Final = 10_000


def read_table(
    source: str | Path, version: LoadedVersion, *, every: timedelta, as_of: str | date | None
) -> dict[Population, list[Window]]:
    """Score a table with a version, and count its customers in windows of length ``every``.

    ``source``: a CSV, Parquet or JSON-lines file, a folder of such files, or a URI that pyarrow can
    read. ``as_of``: the column with each row's observation date, on which its dates have the ages
    that are scored; or the day of all rows, by default today (UTC). The memory that is needed does
    not grow with the number of rows. Raises TableError or MonitoringError.
    """
    source = str(source)
    days_per_window = _whole_days(every)
    table = _Table.open(source, version)
    read_days = _reader_of_days(source, as_of)
    counts: dict[int, CellCounts] = {}
    for batch in read(table.source):
        checked_rows = table.checker(batch)
        days = read_days(batch)
        for window, counted in _count(version.scorer, checked_rows, days, days_per_window, counts):
            counts[window] = counted
        _check_span(source, counts, every)
    if not counts:
        raise MonitoringError(f"{source}: has no rows; name a table of customers with --data")
    population = Population(version.name or "", version.number or "", TABLE)
    return {population: _windows(counts, every, as_of)}


@dataclass(frozen=True)
class _Table:
    source: Source
    checker: RowChecker

    @classmethod
    def open(cls, path: str, version: LoadedVersion) -> _Table:
        """A table whose cells are written as in the version's training table."""
        descriptor = version.table()
        source = Source(path, format_of(_one_file(path)), descriptor.csv, "--data")
        checker = RowChecker(
            version.scorer.schema,
            descriptor,
            FORMS[source.format],
            path,
            is_mapped=False,
        )
        return cls(source, checker.with_folders(folder_columns(source)))


def _one_file(path: str) -> str:
    """The name of a file of the table, whose suffix tells the format."""
    if "://" not in path and not Path(path).exists():
        raise TableError(f"{path}: no such file or folder; check --data")
    files = file_names(path)
    if not files:
        raise TableError(f"{path}: contains no file; check --data")
    return files[0]


def _reader_of_days(
    source: str, as_of: str | date | None
) -> Callable[[pa.RecordBatch], DayNumbers]:
    if isinstance(as_of, str):
        return ObservationDays(source, as_of.strip())
    day = scoring_day(as_of)
    return lambda batch: np.full(batch.num_rows, day, dtype=np.int64)


def _whole_days(every: timedelta) -> int:
    if every < _DAY or every % _DAY:
        raise MonitoringError(
            f"--every {every}: the rows of a table have days, so windows are whole days long"
        )
    return every // _DAY


def _count(
    scorer: Scorer,
    checked_rows: CheckedRows,
    days: DayNumbers,
    days_per_window: int,
    before: dict[int, CellCounts],
) -> Iterator[tuple[int, CellCounts]]:
    """The windows of a batch, with the counts of its rows added to those from before."""
    checked = _with_dates_before(checked_rows.checked, scorer, days)
    scores = scorer.score_columns(checked, as_of=_date(int(days.max())))
    values = scores.inputs
    campaign = scorer.scorecard.campaign
    revenue = None if campaign is None else np.asarray(values[campaign.revenue], dtype=np.float64)
    windows = days // days_per_window
    for window in np.unique(windows).tolist():
        inside = windows == window
        valid = np.flatnonzero(inside & checked.valid)
        counted = _rejected(checked_rows, np.flatnonzero(inside & ~checked.valid))
        if len(valid):
            counted += count_customers(
                scorer.lookup,
                {name: column[valid] for name, column in values.items()},
                scores.probability[valid],
                scores.prediction[valid],
                None if revenue is None else revenue[valid],
            )
        yield window, before.get(window, CellCounts()) + counted


def _with_dates_before(checked: Checked, scorer: Scorer, days: DayNumbers) -> Checked:
    """The rows with their dates moved so that they have the same ages on the last of the days."""
    moved = {
        column.name: checked.values[column.name] + (days.max() - days)
        for column in scorer.schema.dates
    }
    return replace(checked, values={**checked.values, **moved}) if moved else checked


def _rejected(checked_rows: CheckedRows, rows: Any) -> CellCounts:
    """The counts of rejected rows."""
    rules: Counter[str] = Counter()
    for text in checked_rows.rules.take(pa.array(rows, pa.int64())).to_pylist():
        rules.update(text.split(";"))
    return CellCounts(
        rejected=float(len(rows)), rules={rule: float(n) for rule, n in rules.items()}
    )


def _check_span(source: str, counts: dict[int, CellCounts], every: timedelta) -> None:
    span = max(counts, default=0) - min(counts, default=0) + 1
    if span > _MOST_WINDOWS:
        first, last = (EPOCH + window * every for window in (min(counts), max(counts)))
        raise MonitoringError(
            f"{source}: the observation dates from {first:%Y-%m-%d} to {last:%Y-%m-%d} make over "
            f"{_MOST_WINDOWS:,} windows; name longer ones with --every, or correct the dates"
        )


def _windows(
    counts: dict[int, CellCounts], every: timedelta, as_of: str | date | None
) -> list[Window]:
    """All windows from the first to the last, with empty counts where there are no rows."""
    if not isinstance(as_of, str):
        [counted] = counts.values()
        start = EPOCH + scoring_day(as_of) * _DAY
        return [Window(start, start + every, counted)]
    return [
        Window(EPOCH + i * every, EPOCH + (i + 1) * every, counts.get(i, CellCounts()))
        for i in range(min(counts), max(counts) + 1)
    ]


def _date(day: int) -> date:
    return (EPOCH + day * _DAY).date()
