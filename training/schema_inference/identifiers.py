"""Finds the identifier of a table whose rows repeat customers, if the user did not name it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from training.data.special_columns import (
    DISTINCT,
    MOST_LEVELS,
    has_customer_name,
    has_identifier_name,
    is_location,
)


def repeated_identifier(table: pd.DataFrame, usable: Iterable[str]) -> str:
    """The first usable column without missing cells that identifies customers and repeats.

    Empty if there is none.
    """
    for name in usable:
        if has_customer_name(name) and _repeats(table[name]) and _is_complete(table[name]):
            return name
    return ""


def is_repeated_identifier(name: str, cells: pd.Series[Any]) -> bool:
    """Whether a column (n,) identifies something by its name, and has too many values to count."""
    return has_identifier_name(name) and not is_location(name) and _repeats(cells)


def describe_identifier(cells: pd.Series[Any]) -> str:
    """What to tell the user about an identifier that was found by its name."""
    return (
        f"{cells.name}: {cells.nunique():,} values in {len(cells):,} rows, so it is taken as the "
        "customer's identifier, and rows are grouped by it; name another column with --id"
    )


def _repeats(cells: pd.Series[Any]) -> bool:
    """Whether the values are whole numbers or strings, many, and not nearly all distinct."""
    try:
        distinct = cells.drop_duplicates().dropna()
    except TypeError:  # unhashable cells
        return False
    if cells.dtype.kind in "bMm" or not MOST_LEVELS < len(distinct) <= DISTINCT * len(cells):
        return False
    numbers = pd.to_numeric(distinct, errors="coerce")
    return not bool((numbers % 1 > 0).any())


def _is_complete(cells: pd.Series[Any]) -> bool:
    return bool(cells.notna().all() and not (cells.astype(str).str.strip() == "").any())
