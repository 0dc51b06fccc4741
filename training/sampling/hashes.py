"""Hashes of customers and rows, which say what belongs to a sample.

A hash depends on the cells alone, so that a table gives the same sample whatever the order of its
files and the size of the batches in which it is read, and on whichever machine.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from churn_model.tables.reading.row_checker import CORRUPT
from churn_model.tables.utf8 import plain_strings

Hashes: TypeAlias = npt.NDArray[np.uint64]

_FACTOR, _MIX_1, _MIX_2 = (
    np.uint64(each) for each in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
"""Constants of SplitMix64 (Steele, Lea and Flood 2014, doi 10.1145/2660193.2660195)."""


def customer_hashes(rows: pa.RecordBatch, key: str) -> Hashes:
    """A hash (n,) of each row's customer.

    ``key``: the column that identifies customers; empty if there is none. Then, and where the cell
    is empty, the whole row is hashed, so that only copies of a row are of one customer.
    """
    if not key:
        return row_hashes(rows)
    texts = pc.utf8_trim_whitespace(_as_text(plain_strings(rows.column(key))))
    missing = pc.fill_null(pc.equal(texts, ""), True).to_numpy(zero_copy_only=False)
    hashes = _of_texts(texts)
    if missing.any():
        hashes[missing] = row_hashes(rows.filter(pa.array(missing)))
    return _mixed(hashes)


def row_hashes(rows: pa.RecordBatch) -> Hashes:
    """A hash (n,) of the cells of each row."""
    combined = np.zeros(rows.num_rows, dtype=np.uint64)
    for name in sorted(set(rows.schema.names) - {CORRUPT}):
        combined = _mixed(combined * _FACTOR + _of_column(plain_strings(rows.column(name))))
    return combined


def _of_column(column: pa.Array) -> Hashes:
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    elif pa.types.is_date(kind):
        column = column.cast(pa.date32()).cast(pa.int32())
    is_number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if is_number or pa.types.is_boolean(kind):
        numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return _hashed(numbers + 0.0)  # one hash for 0.0 and -0.0
    return _of_texts(_as_text(column))


def _as_text(column: pa.Array) -> pa.Array:
    try:
        return column.cast(pa.string())
    except pa.ArrowException:  # lists and bytes, for example
        return pa.array([str(cell) for cell in column.to_pylist()], pa.string())


def _of_texts(texts: pa.Array) -> Hashes:
    return _hashed(texts.fill_null("").to_numpy(zero_copy_only=False))


def _hashed(values: npt.NDArray[Any]) -> Hashes:
    hashes: Hashes = pd.util.hash_array(values, categorize=False)
    return hashes


def _mixed(values: Hashes) -> Hashes:
    """Values whose bits all depend on all bits of the others (SplitMix64's last step)."""
    values = (values ^ (values >> np.uint64(30))) * _MIX_1
    values = (values ^ (values >> np.uint64(27))) * _MIX_2
    return values ^ (values >> np.uint64(31))
