"""Who has churned, as the command line says it: ``Exited=1``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from churn_model.errors import TableError
from training.data.dataset import Target

_MOST_VALUES = 100
_UNKNOWN = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"}


def read_target(raw: pd.DataFrame, given: Sequence[str]) -> Target:
    """The target of a table whose cells are as they stand in the file.

    ``given``: ``column=value`` for each value that means churned. All other values mean kept; rows
    without one have no label. Raises TableError.
    """
    parts = [text.rpartition("=") for text in given]
    columns = {column.strip() for column, _, _ in parts}
    if len(columns) != 1 or "" in columns or not all(value.strip() for _, _, value in parts):
        raise TableError("--target says who churned, as Column=value; for example Exited=1")
    column = columns.pop()
    require(raw, column, "--target")
    values = list(dict.fromkeys(map(label, raw[column].drop_duplicates())))
    churned = [_as_written(value.strip(), values) for _, _, value in parts]
    for value in churned:
        if value not in values:
            listed = ", ".join(repr(each) for each in values[:20] if each)
            raise TableError(f"--target: column {column!r} has no {value!r}; it has {listed}")
    kept = [value for value in values if value not in churned and value not in _UNKNOWN]
    if not kept:
        raise TableError(f"--target: all of column {column!r} means churned; nobody was kept")
    if len(kept) > _MOST_VALUES:
        raise TableError(
            f"--target: column {column!r} has {len(values):,} different values; name the column "
            "that says who churned"
        )
    unlabelled = [value for value in values if value in _UNKNOWN and value not in churned]
    return Target(column=column, churned=churned, kept=kept, unlabelled=unlabelled)


def label(cell: Any) -> str:
    """A cell of the target column as it is compared."""
    return "" if pd.isna(cell) else str(cell).strip()


def require(raw: pd.DataFrame, column: str, flag: str) -> None:
    """Raise TableError where the table has no such column."""
    if column not in raw.columns:
        listed = ", ".join(map(repr, raw.columns[:50]))
        raise TableError(f"{flag}: the table has no column {column!r}; its columns are {listed}")


def _as_written(value: str, values: Sequence[str]) -> str:
    """The value as the table writes it: 1 may be 1.0 there, or True."""
    same = [text for text in values if text == value]
    alike = [
        text
        for text in values
        if text.lower() == value.lower() or (value == "1" and text in ("1.0", "True"))
    ]
    return (same or alike or [value])[0]
