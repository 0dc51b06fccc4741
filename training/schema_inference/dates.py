"""Infers the column of dates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from churn_model.schema.column import Column
from training.data.observations import Days, read_days
from training.schema_inference.inferred_column import InferredColumn, ValueCounts

_DATE = r"\d{4}-\d\d-\d\d"
_TIMESTAMP = _DATE + r"[T ]\d\d:\d\d.*"
_MOST_LATER = 0.01  # share of dates after the observation that may be mistakes
_OTHER_DATE = r"\d{1,2}([./-])\d{1,2}\1\d{2,4}"


def from_the_future(cells: pd.Series[Any], observed: Days) -> str:
    """Why a date column (n,) reveals the future; empty if it does not.

    ``observed`` (n,): when each row was observed.
    """
    days, _ = read_days(cells, "")
    known = ~np.isnat(days) & ~np.isnat(observed)
    later = days[known] > observed[known]
    if later.sum() <= _MOST_LATER * known.sum():
        return ""
    return (
        f"has dates after the observation date in {int(later.sum()):,} rows, so it was recorded "
        "later; if it was known then, as the end of a contract is, declare it in a --schema"
    )


def infer_date(
    name: str, required: bool, *, is_timestamp: bool, is_observed: bool
) -> InferredColumn:
    """A date is a feature if it is known when the row was observed; a timestamp is not."""
    if is_timestamp:
        return InferredColumn(
            reason="is a timestamp; convert it to a date (2026-01-31) to use its age in days"
        )
    if not is_observed:
        return InferredColumn(reason="is a date; add --as-of DAY or --as-of COLUMN to use its age")
    return InferredColumn(Column(name, "date", required))


def infer_datetimes(name: str, cells: pd.Series[Any], is_observed: bool) -> InferredColumn:
    """Infer from a column (n,) of pandas' datetime type."""
    counts = ValueCounts(cells)
    known = cells.dropna()
    has_zone = isinstance(cells.dtype, pd.DatetimeTZDtype)
    is_timestamp = has_zone or bool((known.dt.normalize() != known).any())
    return counts.unusable() or infer_date(
        name, counts.required, is_timestamp=is_timestamp, is_observed=is_observed
    )


def infer_date_strings(
    name: str, counts: ValueCounts, texts: pd.Series[Any], least: float, is_observed: bool
) -> InferredColumn | None:
    """Infer from distinct strings; None if less than the share ``least`` (0..1) are dates."""

    def match(pattern: str) -> bool:
        return counts.share(texts.str.fullmatch(pattern).to_numpy(bool)) >= least

    for pattern, is_timestamp in ((_DATE, False), (_TIMESTAMP, True)):
        if match(pattern):
            return infer_date(
                name, counts.required, is_timestamp=is_timestamp, is_observed=is_observed
            )
    if match(_OTHER_DATE):
        return InferredColumn(
            reason="is a date in another format than 2026-01-31; convert it to use its age"
        )
    return None
