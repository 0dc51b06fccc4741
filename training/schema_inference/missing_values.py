"""Strings that mean a missing value."""

from __future__ import annotations

from typing import Any

import pandas as pd

from churn_model.tables.descriptor import TableDescriptor

MISSING: tuple[str, ...] = tuple(TableDescriptor.model_fields["missing"].default)
"""Missing values of every column."""

MARKS = {"?", "-", ".", "nan", "None", "none", "n/a", "#N/A", "unknown"}
"""Missing values of numerical columns only; in other columns they may be category levels."""


def missing_marks(cells: pd.Series[Any]) -> set[str]:
    """The MARKS in a numerical column (n,) that was read as strings."""
    if not isinstance(cells.dtype, pd.StringDtype):
        return set()
    return MARKS & set(cells.drop_duplicates().str.strip().dropna())
