"""What a first reading of a table finds: counts of rows by label, dates, and rows to infer from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from churn_model.errors import TableError
from churn_model.tables.reading.row_checker import CORRUPT
from churn_model.tables.target import Target, label
from training.sampling.design import BUCKETS, Histogram, histogram
from training.sampling.hashes import Hashes
from training.sampling.raw_rows import named_columns, raw_column

_MOST_LABELS = 200
_MOST_DAYS = 100_000


@dataclass(frozen=True)
class Columns:
    """The columns that an overview needs, by their names in the table; empty if there is none.

    ``key``: which customer. ``target``: the label. ``as_of``: the day of the observation.
    """

    key: str
    target: str
    as_of: str = ""


@dataclass
class Overview:
    """The counts of a table, or of a part of it; ``add`` adds another part.

    ``rows``: how many were read. ``by_label``: for each value of the target, its rows by the hash
    of the customer. ``days``: the distinct cells of the column with the observation dates.
    """

    columns: Columns
    rows: int = 0
    by_label: dict[str, Histogram] = field(default_factory=dict)
    days: pd.Series[Any] | None = None

    def count(self, rows: pa.RecordBatch, hashes: Hashes, labels: Labels) -> None:
        """Count a batch (n rows)."""
        self.rows += rows.num_rows
        for code, value in enumerate(labels.values):
            counts = histogram(hashes[labels.codes == code])
            self._add_label(value, counts)
        if self.columns.as_of:
            column = named_columns(rows.schema.names)[self.columns.as_of]
            self._add_days(raw_column(rows.column(column)))

    def add(self, other: Overview) -> None:
        """Add the counts of another part of the table."""
        self.rows += other.rows
        for value, counts in other.by_label.items():
            self._add_label(value, counts)
        if other.days is not None:
            self._add_days(other.days)

    def _add_label(self, value: str, counts: Histogram) -> None:
        if value in self.by_label:
            self.by_label[value] = self.by_label[value] + counts
        elif len(self.by_label) < _MOST_LABELS:
            self.by_label[value] = counts
        else:
            raise TableError(
                f"--target: column {self.columns.target!r} has more than {_MOST_LABELS} different "
                "values; name the column that says who churned"
            )

    def _add_days(self, cells: pd.Series[Any]) -> None:
        known = [] if self.days is None else [self.days]
        days = pd.concat([*known, cells.drop_duplicates()], ignore_index=True).drop_duplicates()
        if len(days) > _MOST_DAYS:
            raise TableError(
                f"--as-of: column {self.columns.as_of!r} has more than {_MOST_DAYS:,} different "
                "values in a table that is read in batches; store days instead of times"
            )
        self.days = days

    @property
    def label_counts(self) -> dict[str, int]:
        """How many rows each value of the target has."""
        return {value: int(counts.sum()) for value, counts in self.by_label.items()}

    def labelled(self, target: Target) -> Histogram:
        """The rows with a label, by the hash of the customer."""
        return self._sum([*target.churned, *target.kept])

    def churned(self, target: Target) -> Histogram:
        """The rows that churned, by the hash of the customer."""
        return self._sum(target.churned)

    @property
    def all_rows(self) -> Histogram:
        """All rows, by the hash of the customer."""
        return self._sum(self.by_label)

    def _sum(self, values: Iterable[str]) -> Histogram:
        counts = [self.by_label[value] for value in values if value in self.by_label]
        return np.sum(counts, axis=0) if counts else np.zeros(BUCKETS, dtype=np.int64)


@dataclass(frozen=True)
class Labels:
    """The distinct values of the target in a batch, and the number of each row's value (n,)."""

    values: Sequence[str]
    codes: Any


def labels_of(rows: pa.RecordBatch, target: str) -> Labels:
    """The values of the target in a batch (n rows), as labels are compared with them."""
    cells = raw_column(rows.column(named_columns(rows.schema.names)[target]))
    if CORRUPT in rows.schema.names:
        broken = rows.column(CORRUPT).is_valid().to_numpy(zero_copy_only=False)
        cells = cells.mask(broken)
    if cells.dtype == object:  # pandas takes True and 1 as equal
        cells = pd.Series([label(cell) for cell in cells])
    codes, distinct = pd.factorize(cells, use_na_sentinel=False)
    values = [label(cell) for cell in distinct]
    numbers, plain = pd.factorize(pd.Series(values, dtype=object))
    return Labels([str(value) for value in plain], numbers[codes])
