"""Infers the column of dates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from churn_model.schema.column import Column
from churn_model.tables.cell_format import as_dates
from churn_model.tables.date_format import ISO_TIMESTAMP
from churn_model.tables.observations import Days, read_days
from training.schema_inference.inferred_column import InferredColumn, ValueCounts

_MOST_LATER = 0.01  # share of dates after the observation that may be mistakes


def from_the_future(cells: pd.Series[Any], inferred: InferredColumn, observed: Days) -> str:
    """Why a date column (n,) reveals the future; empty if it does not.

    ``inferred``: its format and its missing values. ``observed`` (n,): when each row was observed.
    """
    days, _ = read_days(cells, "", inferred.format)
    missing = as_dates(inferred.marks, inferred.format)
    known = ~np.isnat(days) & ~np.isnat(observed) & ~np.isin(days, np.array(missing, "M8[D]"))
    later = days[known] > observed[known]
    if later.sum() <= _MOST_LATER * known.sum():
        return ""
    return (
        f"has dates after the observation date in {int(later.sum()):,} rows, so it was recorded "
        "later; if it was known then, as the end of a contract is, declare it in a --schema"
    )


def infer_date(name: str, required: bool, is_observed: bool) -> InferredColumn:
    """A date is a feature if it is known when the row was observed."""
    if not is_observed:
        return InferredColumn(reason="is a date; add --as-of DAY or --as-of COLUMN to use its age")
    return InferredColumn(Column(name, "date", required))


def infer_datetimes(name: str, cells: pd.Series[Any], is_observed: bool) -> InferredColumn:
    """Infer from a column (n,) of pandas' datetime type; of a timestamp, the day counts."""
    counts = ValueCounts(cells)
    known = cells.dropna()
    has_zone = isinstance(cells.dtype, pd.DatetimeTZDtype)
    is_timestamp = has_zone or bool((known.dt.normalize() != known).any())
    if unusable := counts.unusable():
        return unusable
    inferred = infer_date(name, counts.required, is_observed)
    if inferred.column is None or not is_timestamp:
        return inferred
    return InferredColumn(inferred.column, format=ISO_TIMESTAMP)
