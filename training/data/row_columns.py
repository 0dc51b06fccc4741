"""Columns that are not fields of a record: a row's sample weight, and groups to evaluate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.errors import FieldError

WEIGHT, SPLIT_BY = "--weight", "--split-by"
"""The flags that name these columns, and the columns' names in errors of rows."""


def read_weights(
    raw: pd.DataFrame, column: str, decimal: str
) -> tuple[npt.NDArray[np.float64], list[FieldError]]:
    """The sample weights (n,), 1 without a column, and an error for each invalid cell."""
    if not column:
        return np.ones(len(raw)), []
    cells = raw[column]
    if decimal != "." and not pd.api.types.is_numeric_dtype(cells):
        cells = cells.str.replace(decimal, ".", regex=False)
    weights = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    rows = np.flatnonzero(~(np.isfinite(weights) & (weights > 0))).tolist()
    reason = "is not a number above 0"
    return weights, [FieldError(row, WEIGHT, "weight", reason) for row in rows]


def read_groups(columns: pd.DataFrame) -> pd.DataFrame:
    """The columns (n,) of a table as strings, None where a cell is empty."""
    texts = columns.astype(object).where(columns.notna(), "").astype(str)
    stripped = texts.apply(lambda cells: cells.str.strip())
    return stripped.astype(object).where(stripped != "", None)
