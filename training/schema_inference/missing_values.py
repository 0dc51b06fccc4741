"""Finds strings that mean a missing value in a numerical column."""

from __future__ import annotations

from typing import Any

import pandas as pd

from churn_model.tables.missing_values import NUMERICAL_MARKS


def missing_marks(cells: pd.Series[Any]) -> set[str]:
    """The NUMERICAL_MARKS in a numerical column (n,) that was read as strings."""
    if not isinstance(cells.dtype, pd.StringDtype):
        return set()
    return set(cells.drop_duplicates().str.strip().dropna()) & NUMERICAL_MARKS
