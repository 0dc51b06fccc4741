"""The first reading of a table: its overview, and rows of some customers to infer from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from churn_model.arrays import Mask
from churn_model.tables.target import Target
from training.sampling.design import (
    BUCKETS,
    Design,
    Histogram,
    buckets_of,
    design,
    end_of,
    histogram,
)
from training.sampling.hashes import Hashes, customer_hashes, row_hashes
from training.sampling.overview import Columns, Labels, Overview, labels_of
from training.sampling.raw_rows import named_columns

INFERENCE_ROWS = 200_000
"""Rows of whole customers from which a schema is inferred."""

_NO_HASHES: Hashes = np.array([], dtype=np.uint64)


class FirstRows:
    """The rows of the customers with the lowest hashes, at most about ``most`` of them.

    ``end`` is the number of the buckets that they are in. It shrinks as more rows are counted.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: Histogram = np.zeros(BUCKETS, dtype=np.int64)
        self._held: list[tuple[pa.RecordBatch, Hashes]] = []
        self._n = 0
        self.end = BUCKETS

    def add(self, rows: pa.RecordBatch, hashes: Hashes) -> None:
        """Keep what is needed of a batch (n rows)."""
        self._counts += histogram(hashes)
        self.end = end_of(self._counts, self._most)
        self._held.append(_first(rows, hashes, self.end))
        self._n += self._held[-1][0].num_rows
        if self._n > 2 * self._most:
            self._drop()

    def _drop(self) -> None:
        """Drop the rows that are beyond the last bucket by now."""
        self._held = [_first(*each, self.end) for each in self._held]
        self._n = sum(rows.num_rows for rows, _ in self._held)

    def table(self) -> tuple[pa.Table, Hashes]:
        """The rows in the order of their hashes, and the hashes of their customers."""
        self._drop()
        return in_order([rows for rows, _ in self._held], [hashes for _, hashes in self._held])


def in_order(
    batches: Sequence[pa.RecordBatch], hashes: Sequence[Hashes]
) -> tuple[pa.Table, Hashes]:
    """Batches as one table, ordered by the hashes of customers and rows, and these hashes."""
    table, of_customers = pa.Table.from_batches(batches), np.concatenate(hashes)
    of_rows = np.concatenate([row_hashes(batch) for batch in batches])
    order = np.lexsort((of_rows, of_customers))
    return table.take(pa.array(order)), of_customers[order]


def _first(rows: pa.RecordBatch, hashes: Hashes, end: int) -> tuple[pa.RecordBatch, Hashes]:
    kept = buckets_of(hashes) < end
    return rows.filter(pa.array(kept)), hashes[kept]


class FirstChurners:
    """The lowest hashes of customers with a label, by label, and at most about ``most`` rows."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: dict[str, Histogram] = {}
        self._held: dict[str, list[Hashes]] = {}

    def add(self, hashes: Hashes, labels: Labels, wanted: Iterable[str]) -> None:
        """Keep the hashes (n,) of rows whose label may mean churned."""
        for value in wanted:
            of_label = hashes[labels.codes == list(labels.values).index(value)]
            before = self._counts.get(value, np.zeros(BUCKETS, dtype=np.int64))
            self._counts[value] = before + histogram(of_label)
            end = end_of(self._counts[value], self._most)
            held = [*self._held.get(value, []), of_label[buckets_of(of_label) < end]]
            if sum(map(len, held)) > 2 * self._most:
                merged = np.unique(np.concatenate(held))
                held = [merged[buckets_of(merged) < end]]
            self._held[value] = held

    def hashes(self) -> dict[str, Hashes]:
        """The hashes by label."""
        return {value: np.unique(np.concatenate(held)) for value, held in self._held.items()}


@dataclass(frozen=True)
class FirstReading:
    """What is known after the first reading.

    ``rows``: all rows of some customers, in the order of the hashes of customers and rows.
    ``hashes``: of their customers. ``churners``: by label that may mean churned, the lowest hashes
    of customers that have it.
    """

    overview: Overview
    rows: pa.Table
    hashes: Hashes
    churners: Mapping[str, Hashes]

    def design(self, target: Target, most: int) -> Design:
        """The design of a sample of at most about ``most`` labelled rows."""
        known = [self.churners.get(value, _NO_HASHES) for value in target.churned]
        per_churner = 1.0
        if self.rows.num_rows:
            labels = labels_of(self.rows, self.overview.columns.target)
            per_churner = rows_per_churner(labels, self.hashes, target.churned)
        labelled, churned = self.overview.labelled(target), self.overview.churned(target)
        return design(labelled, churned, most, np.concatenate(known), per_churner)

    def sampled_rows(self, most: int) -> int:
        """How many rows whole customers have, if at most ``most`` rows are drawn."""
        rows = self.overview.all_rows
        return int(rows[: end_of(rows, most)].sum())


def read_first(
    batches: Iterator[pa.RecordBatch], columns: Columns, wanted: Sequence[str], most: int
) -> FirstReading:
    """Read a table for the first time.

    ``wanted``: the values that mean churned, as the user writes them. ``most``: the number of rows
    of the sample. Raises TableError.
    """
    overview, first, churners = Overview(columns), FirstRows(INFERENCE_ROWS), FirstChurners(most)
    for rows in batches:
        hashes = customer_hashes(rows, key_name(rows, columns.key))
        labels = labels_of(rows, columns.target)
        overview.count(rows, hashes, labels)
        first.add(rows, hashes)
        churners.add(hashes, labels, may_mean(labels.values, wanted))
    table, of_rows = first.table()
    return FirstReading(overview, table, of_rows, churners.hashes())


def key_name(rows: pa.RecordBatch, key: str) -> str:
    """The name of the key's column, with the blanks that it may have."""
    return named_columns(rows.schema.names)[key] if key else ""


def may_mean(values: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The values that may be one of those that the user wrote: ``1`` is ``1.0`` or ``True``."""
    plain = {each.lower() for each in wanted}
    plain |= {"1.0", "true"} if "1" in plain else set()
    return [value for value in values if value.lower() in plain]


def rows_per_churner(labels: Labels, hashes: Hashes, churned: Sequence[str]) -> float:
    """How many rows the customer of a churned row has on average, in rows (n,) of whole customers.

    1 if no row churned.
    """
    churned_codes = [code for code, value in enumerate(labels.values) if value in churned]
    is_churned: Mask = np.isin(labels.codes, churned_codes)
    if not is_churned.any():
        return 1.0
    of_churners = np.isin(hashes, np.unique(hashes[is_churned]))
    return float(of_churners.sum() / is_churned.sum())
