"""Checks the batches of a table, counts what is rejected, and keeps the sampled rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from churn_model.arrays import Floats, Rows
from churn_model.schema import RecordSchema
from churn_model.tables.reading.row_checker import CORRUPT
from training.data.customers import CustomersOfRows, identifier_of
from training.data.table import REJECTED_COLUMNS, Population, Table
from training.data.table_reader import CheckedRows, with_integers
from training.sampling.design import Design
from training.sampling.first_reading import key_name
from training.sampling.hashes import Hashes, customer_hashes, row_hashes
from training.sampling.raw_rows import raw_rows

LISTED = 1000
"""Rejected rows that are listed; all of them are counted."""

_UNEVEN = "has more or fewer cells than the header"

Check = Callable[[pd.DataFrame], CheckedRows]
"""Checks raw rows as ``check_rows`` does, with all other arguments given."""


@dataclass(frozen=True)
class Checker:
    """How the batches of a table are checked; Spark sends it to its executors.

    ``check``: checks raw rows that have the columns in ``names``. ``schema``: of their records.
    ``key``: the column that identifies customers. ``design``: which customers are sampled.
    """

    check: Check
    names: Sequence[str]
    schema: RecordSchema
    key: str
    design: Design

    def __call__(self, rows: pa.RecordBatch, first_row: int = 0) -> CheckedPart:
        """Check a batch (n rows). ``first_row``: the number of its first row in the table."""
        even, uneven = _without_uneven(rows)
        part = CheckedPart(rows=rows.num_rows, rejected_rows=uneven)
        part.reasons.update({("", "", _UNEVEN): uneven} if uneven else {})
        if not even.num_rows:
            return part
        checked = self.check(raw_rows(even, self.names))
        hashes = customer_hashes(even, key_name(even, self.key))
        part.count(checked.table, self.schema, first_row)
        wanted = self.design.contain(hashes) & checked.used
        if wanted.any():
            sampled = np.flatnonzero(wanted[checked.used])
            of_rows = row_hashes(even.filter(pa.array(wanted)))
            piece = checked.table.take(sampled)
            part.pieces.append(Piece(_without_rejected(piece), hashes[wanted], of_rows))
        return part


def _without_uneven(rows: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
    """The rows that have as many cells as the header of their CSV file, and how many have not."""
    if CORRUPT not in rows.schema.names:
        return rows, 0
    even = rows.column(CORRUPT).is_null()
    return rows.filter(even), rows.num_rows - int(even.sum().as_py() or 0)


def _without_rejected(table: Table) -> Table:
    return replace(table, rejected=table.rejected.head(0))


@dataclass(frozen=True)
class Piece:
    """Sampled rows (n), and the hashes (n,) of their customers and of the rows."""

    table: Table
    customers: Hashes
    rows: Hashes


@dataclass
class CheckedPart:
    """The result of checking a part of a table; ``add`` adds another part.

    ``weights``: for rows that stayed and that churned, the sum of the weights of all valid rows;
    the other counts are those of Table and Population.
    """

    rows: int = 0
    rejected_rows: int = 0
    unlabelled_rows: int = 0
    immature_rows: int = 0
    invalid_records: int = 0
    valid_rows: int = 0
    weights: Floats = field(default_factory=lambda: np.zeros(2))
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    rejected: list[pd.DataFrame] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)

    def count(self, table: Table, schema: RecordSchema, first_row: int) -> None:
        """Count the rows of a checked batch."""
        self.rejected_rows += table.rejected_rows
        self.unlabelled_rows += table.unlabelled_rows
        self.immature_rows += table.immature_rows
        self.valid_rows += len(table.churned)
        self.weights = self.weights + np.bincount(table.churned, table.weights, 2)
        rejected = table.rejected
        if rejected.empty:
            return
        of_record = rejected["field"].isin([column.name for column in schema])
        self.invalid_records += rejected.loc[of_record, "row"].nunique()
        named = rejected[["field", "column", "reason"]].fillna("")
        self.reasons.update(map(tuple, named.to_numpy().tolist()))
        self._list(rejected.assign(row=rejected["row"] + first_row))

    def add(self, other: CheckedPart) -> None:
        """Add the result of another part."""
        self.rows += other.rows
        self.rejected_rows += other.rejected_rows
        self.unlabelled_rows += other.unlabelled_rows
        self.immature_rows += other.immature_rows
        self.invalid_records += other.invalid_records
        self.valid_rows += other.valid_rows
        self.weights = self.weights + other.weights
        self.reasons.update(other.reasons)
        for rejected in other.rejected:
            self._list(rejected)
        self.pieces += other.pieces

    def _list(self, rejected: pd.DataFrame) -> None:
        room = LISTED - sum(map(len, self.rejected))
        if room > 0:
            self.rejected.append(rejected.head(room))

    def table(self, schema: RecordSchema, design: Design, distinct_rows: bool) -> Table:
        """The sample as a table, in the order of the hashes; there must be a piece.

        ``distinct_rows``: whether equal rows of a table without identifiers are of one customer.
        """
        of_customers = np.concatenate([piece.customers for piece in self.pieces])
        of_rows = np.concatenate([piece.rows for piece in self.pieces])
        order = np.lexsort((of_rows, of_customers)).astype(np.intp)
        joined = _joined([piece.table for piece in self.pieces], order)
        joined = replace(joined, customers=with_integers(joined.customers, schema))
        hashes = of_customers[order]
        weights = _weights(joined, design.probabilities(hashes), self.weights)
        identifiers = identifier_of(joined.customers, schema)
        if identifiers is not None:
            customers = CustomersOfRows.of(identifiers)
        elif distinct_rows:
            customers = CustomersOfRows.of(pd.Series(hashes))
        else:
            customers = CustomersOfRows.one_per_row(len(hashes))
        first_rows = np.unique(customers.code, return_index=True)[1]
        return replace(
            joined,
            rejected=self._rejected(),
            rows=self.rows,
            rejected_rows=self.rejected_rows,
            unlabelled_rows=self.unlabelled_rows,
            immature_rows=self.immature_rows,
            weights=weights if design.is_stratified else joined.weights,
            customers_of_rows=customers,
            population=Population(
                rows=self.valid_rows,
                churn_rate=float(self.weights[1] / self.weights.sum()),
                customers=round(float(np.sum(1 / design.probabilities(hashes[first_rows])))),
                reasons=dict(self.reasons),
                invalid_records=self.invalid_records,
            ),
        )

    def _rejected(self) -> pd.DataFrame:
        if not self.rejected:
            return pd.DataFrame(columns=list(REJECTED_COLUMNS))
        return pd.concat(self.rejected, ignore_index=True)


def _joined(tables: Sequence[Table], order: Rows) -> Table:
    """The rows of tables with the same columns, in this order."""
    first = tables[0]
    rows = replace(
        first,
        customers=pd.concat([each.customers for each in tables], ignore_index=True),
        churned=np.concatenate([each.churned for each in tables]),
        weights=np.concatenate([each.weights for each in tables]),
        dates=_concatenated([each.dates for each in tables]),
        observed=_concatenated([each.observed for each in tables]),
        audit=pd.concat([each.audit for each in tables], ignore_index=True),
        customers_of_rows=CustomersOfRows.one_per_row(len(order)),
    )
    return rows.take(order)


def _concatenated(arrays: Sequence[Any]) -> Any:
    return None if arrays[0] is None else np.concatenate(arrays)


def _weights(table: Table, probabilities: Floats, totals: Floats) -> Floats:
    """Weights (n,) that undo different probabilities (n,) of being sampled; their mean is 1.

    ``totals``: the weight of all rows that stayed and that churned, which those of the sample then
    have in the same ratio (post-stratification; Kish 1965, "Survey Sampling", section 3.4).
    """
    weights: Floats = table.weights / probabilities
    sampled = np.bincount(table.churned, weights, 2)
    factors: Floats = np.divide(totals, sampled, out=np.zeros(2), where=sampled > 0)
    weights = weights * factors[table.churned]
    weights *= table.weights.mean() / weights.mean()
    return weights
