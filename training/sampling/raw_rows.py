"""Batches of Arrow columns as the tables of raw cells that ``read_file`` gives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from churn_model.tables.reading.row_checker import CORRUPT
from churn_model.tables.utf8 import plain_strings

_INDEX = re.compile(r"__index_level_\d+__")
"""A column in which pandas stores the index of a DataFrame."""


def named_columns(names: Sequence[str]) -> dict[str, str]:
    """The columns of a table: their names without blanks -> their names."""
    return {name.strip(): name for name in names if name != CORRUPT and not _INDEX.fullmatch(name)}


def raw_rows(rows: pa.RecordBatch | pa.Table, names: Sequence[str] | None = None) -> pd.DataFrame:
    """The cells of n rows. ``names``: the columns, without blanks; None for all."""
    columns = named_columns(rows.schema.names)
    wanted = [name for name in columns if names is None or name in names]
    return pd.DataFrame(
        {name: raw_column(rows.column(columns[name])) for name in wanted}, copy=False
    )


def raw_column(column: pa.Array | pa.ChunkedArray) -> pd.Series[Any]:
    """The cells of a column (n,). Integers stay integers beside missing cells."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    column = plain_strings(column)
    if column.null_count and pa.types.is_integer(column.type):
        mask = column.is_null().to_numpy(zero_copy_only=False)
        values = column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        return pd.Series(pd.arrays.IntegerArray(values, mask))
    cells: pd.Series[Any] = column.to_pandas()
    return cells
