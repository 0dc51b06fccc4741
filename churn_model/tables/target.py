"""Which customers churned: the target column, and ``--target Exited=1``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, BeforeValidator, Field

from churn_model.errors import FieldError, TableError
from churn_model.tables.column_names import require_column, suggest
from churn_model.tables.descriptor import STRICT
from churn_model.tables.missing_values import is_no_label

TARGET = "target"
"""The field name of the target in errors of rows."""

UNLABELLED = -1
_UNKNOWN = -2

_MAX_VALUES = 100
_SHOWN_VALUES = 10


def _as_string(value: Any) -> Any:
    """Labels may be numbers in TOML; they are compared with a table's cells as strings."""
    return str(value) if isinstance(value, int | float) else value


Label = Annotated[str, BeforeValidator(_as_string)]


class Target(BaseModel):
    """The target column, and what its values mean."""

    model_config = STRICT

    column: str
    churned: Annotated[list[Label], Field(min_length=1)]
    kept: Annotated[list[Label], Field(min_length=1)]
    unlabelled: list[Label] = []


def read_target(raw: pd.DataFrame, given: Sequence[str]) -> Target:
    """The target of a table whose cells are as they are in the file.

    ``given``: ``column=value`` for each value that means churned. All other values mean that the
    customer stayed, except those that say that there is no label. Raises TableError.
    """
    column, _ = parse_target(given)
    require_column(column, raw.columns, "--target")
    return target_of(list(dict.fromkeys(map(label, raw[column].drop_duplicates()))), given)


def target_of(values: Sequence[str], given: Sequence[str]) -> Target:
    """The target of a table whose labels have these values. Raises TableError as above."""
    column, wanted = parse_target(given)
    churned = [_matching_value(column, value, values) for value in wanted]
    others = [value for value in values if value not in churned]
    unlabelled = [value for value in others if is_no_label(value)]
    kept = [value for value in others if value not in unlabelled]
    if not kept and unlabelled:
        raise TableError(
            f"--target: no value of column {column!r} means that a customer stayed: "
            f"{', '.join(map(repr, unlabelled))} mean that there is no label; if one of them is a "
            "label, list it under kept in a --dataset descriptor"
        )
    if not kept:
        raise TableError(f"--target: every value of column {column!r} means churned; name fewer")
    if len(kept) > _MAX_VALUES:
        raise TableError(
            f"--target: column {column!r} has {len(values):,} different values; name the column "
            "that says who churned"
        )
    return Target(column=column, churned=churned, kept=kept, unlabelled=unlabelled)


def label(cell: Any) -> str:
    """A cell of the target column as a string that labels are compared with."""
    return "" if pd.isna(cell) else str(cell).strip()


def read_labels(raw: pd.DataFrame, target: Target) -> npt.NDArray[np.int64]:
    """The labels (n,): 1 churned, 0 stayed, UNLABELLED, or another negative number for an error."""
    meaning = dict.fromkeys(target.kept, 0) | dict.fromkeys(target.churned, 1)
    meaning |= dict.fromkeys(target.unlabelled, UNLABELLED)
    cells = raw[target.column.strip()]
    if cells.dtype == object:  # pandas takes True and 1 as equal
        return np.array([meaning.get(label(cell), _UNKNOWN) for cell in cells], dtype=np.int64)
    codes, distinct = pd.factorize(cells, use_na_sentinel=False)
    of_distinct = [meaning.get(label(cell), _UNKNOWN) for cell in distinct]
    labels: npt.NDArray[np.int64] = np.array(of_distinct, dtype=np.int64)[codes]
    return labels


def describe_target(raw: pd.DataFrame, target: Target) -> str:
    """The target's values with their numbers of rows, by meaning, as one line.

    For example ``target Exited: churned 1 (2,037); kept 0 (7,963); no label '' (12)``.
    """
    return describe_counts(raw[target.column.strip()].map(label).value_counts(), target)


def describe_counts(counts: pd.Series[Any], target: Target) -> str:
    """The same, from the number of rows of each value."""
    meanings = {"churned": target.churned, "kept": target.kept, "no label": target.unlabelled}
    known = {value for values in meanings.values() for value in values}
    meanings["not listed"] = [value for value in counts.index if value not in known]
    parts = [
        f"{meaning} {_counted([value for value in values if value in counts], counts)}"
        for meaning, values in meanings.items()
        if any(value in counts for value in values)
    ]
    return f"target {target.column}: {'; '.join(parts)}"


def _counted(values: Sequence[str], counts: pd.Series[Any]) -> str:
    shown = sorted(values, key=lambda value: -counts[value])[:_SHOWN_VALUES]
    listed = ", ".join(f"{value or repr(value)} ({counts[value]:,})" for value in shown)
    more = len(values) - len(shown)
    return f"{listed} and {more} more" if more else listed


def label_errors(labels: npt.NDArray[np.int64]) -> list[FieldError]:
    """An error for each row whose target value has no meaning."""
    reason = "is not one of the values that [target] lists"
    rows = np.flatnonzero(labels == _UNKNOWN).tolist()
    return [FieldError(row, TARGET, "unknown_label", reason) for row in rows]


def parse_target(given: Sequence[str]) -> tuple[str, list[str]]:
    """The target column and the values that mean churned. Raises TableError."""
    parts = [text.rpartition("=") for text in given]
    columns = {column.strip() for column, _, _ in parts}
    values = [value.strip() for _, _, value in parts]
    if len(columns) != 1 or "" in columns or not all(values):
        raise TableError(
            "--target must be COLUMN=VALUE with the value that means churned, for example "
            "Exited=1; a repeated --target must name the same column"
        )
    return columns.pop(), values


def _matching_value(column: str, wanted: str, values: Sequence[str]) -> str:
    """The value as the table writes it: ``1`` may be ``1.0`` or ``True`` in the table."""
    if wanted in values:
        return wanted
    for value in values:
        if value.lower() == wanted.lower() or (wanted == "1" and value in ("1.0", "True")):
            return value
    known = [value for value in values if value]
    raise TableError(
        f"--target: column {column!r} has no value {wanted!r}.{suggest(wanted, known, 'values')}"
    )
