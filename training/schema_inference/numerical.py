"""Infers the column of numerical cells: integer or number, and its bounds."""

from __future__ import annotations

import numpy as np

from churn_model.arrays import Floats
from churn_model.schema.column import INT64_MAX, INT64_MIN, LAST_EXACT_INTEGER, Column
from training.data.special_columns import is_identifier
from training.schema_inference.inferred_column import InferredColumn


def infer_numerical(name: str, numbers: Floats, required: bool | None = None) -> InferredColumn:
    """Infer from numbers (n,), NaN if missing. ``required``: None for "no number is NaN"."""
    known = numbers[~np.isnan(numbers)]
    if required is None:
        required = len(known) == len(numbers)
    if not np.isfinite(known).all():
        return InferredColumn(reason="contains infinite numbers")
    is_integer = _all_integers(known)
    if is_integer and is_identifier(name, known):
        return InferredColumn(reason="is different for nearly every customer, like an identifier")
    bounds = (float(known.min()), float(known.max()))
    column = _column(name, known, required, is_integer)
    return InferredColumn(column, range=bounds, is_integral=is_integer)


def _all_integers(known: Floats) -> bool:
    return bool((known == np.floor(known)).all() and np.abs(known).max() < LAST_EXACT_INTEGER)


def _column(name: str, known: Floats, required: bool, is_integer: bool) -> Column:
    """A column of 0 or more if its numbers are; no table shows the largest possible value."""
    minimum = 0 if float(known.min()) >= 0 else None
    # MLflow rejects missing integers in a DataFrame, so an optional integer becomes a number
    if not (is_integer and required):
        return Column(name, "number", required, minimum)
    return Column(name, "integer", required, INT64_MIN if minimum is None else minimum, INT64_MAX)
