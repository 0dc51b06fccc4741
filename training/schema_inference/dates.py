"""Infers the column of dates."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from churn_model.schema.column import Column
from training.schema_inference.inferred_column import InferredColumn, ValueCounts

_DATE = r"\d{4}-\d\d-\d\d"
_TIMESTAMP = _DATE + r"[T ]\d\d:\d\d.*"
_OTHER_DATE = r"\d{1,2}([./-])\d{1,2}\1\d{2,4}"


def infer_date(
    name: str, required: bool, *, is_timestamp: bool, as_of: date | None
) -> InferredColumn:
    """A date is a feature if the day is known on which its age is computed; a timestamp is not."""
    if is_timestamp:
        return InferredColumn(
            reason="is a timestamp; convert it to a date (2026-01-31) to use its age in days"
        )
    if as_of is None:
        return InferredColumn(reason="is a date; add --as-of DAY to use its age on that day")
    return InferredColumn(Column(name, "date", required))


def infer_datetimes(name: str, cells: pd.Series[Any], as_of: date | None) -> InferredColumn:
    """Infer from a column (n,) of pandas' datetime type."""
    counts = ValueCounts(cells)
    known = cells.dropna()
    has_zone = isinstance(cells.dtype, pd.DatetimeTZDtype)
    is_timestamp = has_zone or bool((known.dt.normalize() != known).any())
    return counts.unusable() or infer_date(
        name, counts.required, is_timestamp=is_timestamp, as_of=as_of
    )


def infer_date_strings(
    name: str, counts: ValueCounts, texts: pd.Series[Any], least: float, as_of: date | None
) -> InferredColumn | None:
    """Infer from distinct strings; None if less than the share ``least`` (0..1) are dates."""

    def match(pattern: str) -> bool:
        return counts.share(texts.str.fullmatch(pattern).to_numpy(bool)) >= least

    for pattern, is_timestamp in ((_DATE, False), (_TIMESTAMP, True)):
        if match(pattern):
            return infer_date(name, counts.required, is_timestamp=is_timestamp, as_of=as_of)
    if match(_OTHER_DATE):
        return InferredColumn(
            reason="is a date in another format than 2026-01-31; convert it to use its age"
        )
    return None
