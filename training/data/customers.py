"""Which customer each row of a table belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.arrays import Rows
from churn_model.schema import RecordSchema


@dataclass(frozen=True)
class CustomersOfRows:
    """``code`` (n,): the customer of each row, from 0 to the number of customers minus 1."""

    code: Rows

    @classmethod
    def one_per_row(cls, rows: int) -> CustomersOfRows:
        """Each row is another customer."""
        return cls(np.arange(rows))

    @classmethod
    def of(cls, keys: pd.Series[Any]) -> CustomersOfRows:
        """Rows with the same key (n,) are of one customer, and each without a key of another."""
        codes = pd.factorize(keys)[0].astype(np.intp)
        missing = codes < 0
        codes[missing] = codes.max(initial=-1) + 1 + np.arange(missing.sum())
        return cls(codes)

    @cached_property
    def n(self) -> int:
        """The number of customers."""
        return int(self.code.max()) + 1 if len(self.code) else 0

    @property
    def repeat(self) -> bool:
        """Whether a customer has several rows."""
        return self.n < len(self.code)

    def ever(self, flags: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Each customer's largest flag, given the flags of the rows (n,)."""
        highest = np.zeros(self.n, dtype=np.int64)
        np.maximum.at(highest, self.code, flags)
        return highest

    def rows_of(self, chosen: Rows) -> Rows:
        """The rows of the chosen customers, in the table's order."""
        is_chosen = np.zeros(self.n, dtype=bool)
        is_chosen[chosen] = True
        return np.flatnonzero(is_chosen[self.code])

    def take(self, rows: Rows) -> CustomersOfRows:
        """The customers of some rows."""
        return CustomersOfRows(np.unique(self.code[rows], return_inverse=True)[1].astype(np.intp))


BY_CHANCE = 0.01
"""Expected copies of a row from which equal rows are taken to be coincidences."""


def customers_of_rows(
    raw: pd.DataFrame, customers: pd.DataFrame, schema: RecordSchema
) -> CustomersOfRows:
    """Which customer each row of a table belongs to.

    Rows with the same identifier are of one customer; of several identifiers, the one with the
    fewest values counts. Without an identifier, exact copies of a row are of one customer, unless a
    table of so few different values has copies by chance. ``raw``: the table as it was read,
    ``customers``: its parsed columns, both of n rows.
    """
    identifiers = identifier_of(customers, schema)
    if identifiers is not None:
        return CustomersOfRows.of(identifiers)
    cells = raw.astype(str)
    if share_of_equal_pairs(cells) * len(cells) > BY_CHANCE:
        return CustomersOfRows.one_per_row(len(raw))
    return CustomersOfRows.of(pd.util.hash_pandas_object(cells, index=False))


def identifier_of(customers: pd.DataFrame, schema: RecordSchema) -> pd.Series[Any] | None:
    """The identifiers (n,) of the rows' customers; None if the table has no identifiers."""
    keys = [customers[column.name] for column in schema.identifiers]
    known = [key for key in keys if key.notna().any()]
    return min(known, key=lambda key: key.nunique() + key.isna().sum()) if known else None


def share_of_equal_pairs(frame: pd.DataFrame) -> float:
    """The share (0..1) of equal pairs of rows if the columns are independent of each other."""
    share = 1.0
    for name in frame:
        frequencies = frame[name].value_counts(normalize=True, dropna=False)
        share *= float((frequencies**2).sum())
    return share
