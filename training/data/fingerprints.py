"""Hashes of a table's customers and rows, by which another table is searched for them later.

A run stores the hashes of its training rows, never the rows. 64 bits suffice: two tables of a
million customers have a common hash by chance once in 20 million pairs of tables.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.arrays import Mask
from churn_model.schema import RecordSchema
from training.data.customers import BY_CHANCE, identifier_of, share_of_equal_pairs
from training.data.table import Table

Hashes: TypeAlias = npt.NDArray[np.uint64]

_MISSING = np.uint64(0)
"""In place of the hash of a missing identifier."""
_WHOLE_NUMBER = re.compile(r"[0-9]+(?:\.0+)?", re.ASCII)
_ARRAYS = {
    "customers": ("u", 1),
    "rows": ("u", 1),
    "dated_rows": ("u", 1),
    "features": ("U", 1),
    "known_to": ("M", 0),
}
"""The kind and the number of dimensions of each stored array."""
_LABEL, _DAY = "churned", "observed"


@dataclass(frozen=True)
class Fingerprints:
    """The distinct hashes of a training table, sorted.

    ``customers``: of identifiers; empty if the table had none. ``rows``: of the values of
    ``features`` and the label. ``dated_rows``: of these and the observation date; empty unless a
    column has it. ``known_to``: the day on which the window of the last label had ended; NaT if not
    all observation dates are known.
    """

    customers: Hashes
    rows: Hashes
    dated_rows: Hashes
    features: tuple[str, ...]
    known_to: np.datetime64

    def to_bytes(self) -> bytes:
        """As a compressed numpy archive."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            customers=self.customers,
            rows=self.rows,
            dated_rows=self.dated_rows,
            features=np.array(self.features, dtype=np.str_),
            known_to=self.known_to,
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Fingerprints:
        """Read what ``to_bytes`` wrote. Raises ValueError for anything else."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except (OSError, EOFError, TypeError, ValueError, BadZipFile) as error:
            raise ValueError("is not a numpy archive") from error
        for name, (kind, dimensions) in _ARRAYS.items():
            if name not in arrays or arrays[name].dtype.kind != kind:
                raise ValueError(f"has no valid {name}")
            if arrays[name].ndim != dimensions:
                raise ValueError(f"has no valid {name}")
        features, known_to = tuple(arrays.pop("features").tolist()), arrays.pop("known_to")[()]
        return cls(**arrays, features=features, known_to=known_to)

    def with_others(self, others: Fingerprints) -> Fingerprints:
        """Also those of another table with the same features.

        If one of the tables has no dates, rows are found by their values alone, as its rows are.
        """
        both_dated = len(self.dated_rows) > 0 and len(others.dated_rows) > 0
        dated_rows = np.union1d(self.dated_rows, others.dated_rows)
        return Fingerprints(
            np.union1d(self.customers, others.customers),
            np.union1d(self.rows, others.rows),
            dated_rows if both_dated else dated_rows[:0],
            self.features,
            np.maximum(self.known_to, others.known_to),
        )

    def contain(self, table: Table, schema: RecordSchema) -> Mask:
        """Which rows (n,) of another table were in the training table, or are of its customers.

        ``schema``: of the table's records. A later observation of a training customer is another
        case: its label was not known in training. Rows of few different values that are equal by
        chance do not count.
        """
        found = np.zeros(len(table.churned), dtype=bool)
        customers = customer_hashes(table, schema)
        if customers is not None:
            found |= np.isin(customers, self.customers) & (customers != _MISSING)
            if table.observed is not None and not np.isnat(self.known_to):
                found &= table.observed < self.known_to
        features = [name for name in self.features if name in table.customers]
        if len(features) == len(self.features) and self._are_distinctive(table, features):
            is_dated = len(self.dated_rows) > 0 and bool(table.observation.column)
            known = self.dated_rows if is_dated else self.rows
            found |= np.isin(row_hashes(table, features, dated=is_dated), known)
        return found

    def _are_distinctive(self, table: Table, features: Sequence[str]) -> bool:
        """Whether equal rows are copies, and not coincidences, given the table's values."""
        expected = share_of_equal_pairs(table.customers[list(features)]) * len(self.rows)
        return expected < BY_CHANCE


def fingerprints(table: Table, schema: RecordSchema) -> Fingerprints:
    """The hashes of a table whose records have this schema."""
    customers = customer_hashes(table, schema)
    features = tuple(column.name for column in schema.features)
    known_to = np.datetime64("NaT", "D")
    if table.observed is not None:
        days = max(table.observation.window, 1)
        known_to = table.observed.max() + np.timedelta64(days, "D")
    return Fingerprints(
        np.unique(customers) if customers is not None else np.array([], dtype=np.uint64),
        np.unique(row_hashes(table, features)),
        np.unique(row_hashes(table, features, dated=True))
        if table.observation.column
        else np.array([], dtype=np.uint64),
        features,
        known_to,
    )


def customer_hashes(table: Table, schema: RecordSchema) -> Hashes | None:
    """A hash (n,) of each row's identifier, _MISSING without one; None without identifiers."""
    identifiers = identifier_of(table.customers, schema)
    if identifiers is None:
        return None
    texts = identifiers.map(_canonical)
    hashes: Hashes = pd.util.hash_pandas_object(texts, index=False).to_numpy()
    return np.where(identifiers.notna(), hashes, _MISSING)


def _canonical(identifier: Any) -> str:
    """An identifier as all files have it: ``" 7 "``, ``7.0`` and ``007`` are ``7``."""
    text = identifier.decode(errors="replace") if isinstance(identifier, bytes) else str(identifier)
    text = text.strip()
    if _WHOLE_NUMBER.fullmatch(text):
        return text.partition(".")[0].lstrip("0") or "0"
    return text


def row_hashes(table: Table, features: Sequence[str], *, dated: bool = False) -> Hashes:
    """A hash (n,) of each row's features and label; if ``dated``, of the observation date, too."""
    frame = _plain_values(table.customers[list(features)]).assign(**{_LABEL: table.churned})
    if dated and table.observed is not None:
        frame[_DAY] = table.observed.astype(np.int64)
    hashes: Hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return hashes


def _plain_values(customers: pd.DataFrame) -> pd.DataFrame:
    """Numbers as float64 and everything else as strings, whatever types a file has them in."""
    return pd.DataFrame(
        {
            name: values.astype(np.float64)
            if pd.api.types.is_numeric_dtype(values)
            else values.astype(object).where(values.notna(), "").astype(str)
            for name, values in customers.items()
        }
    )
