"""Reads columns of Python values. None means missing, and no value is coerced.

``30.0``, ``"35"`` and ``True`` are rejected as integers, and NaN as a number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from churn_model import dates
from churn_model.schema.column import INT64_MAX, INT64_MIN, Column, Kind
from churn_model.validation.cells import Cells, Problem, empty, reject_infinite
from churn_model.validation.rules import (
    BOOL,
    DATE,
    FINITE,
    FLOAT,
    FRACTION,
    INT,
    RANGE,
    STRING,
    UNICODE,
    Rule,
    type_rule,
)


def read_objects(column: Column, values: Sequence[object]) -> Cells:
    """Read Python values; None means missing.

    A column of one type (ints, floats or strings) is converted as a whole. Only a column of mixed
    types is read cell by cell.
    """
    cells = _read_values(column, values)
    if column.allows_unlisted:
        cells.texts = values
    return cells


def _read_values(column: Column, values: Sequence[object]) -> Cells:
    types = set(map(type, values))
    if type(None) in types:
        return _read_with_missing(column, values)
    try:
        if column.kind == "integer" and types == {int}:
            return Cells(np.array(values, dtype=np.int64))
        if column.kind == "number" and types <= {int, float}:
            cells = Cells(np.array(values, dtype=np.float64))
            reject_infinite(cells)
            return cells
    except OverflowError:
        return _read_cells(column, values)
    if types == {str} and _is_unicode(values):
        if column.kind == "identifier":
            return Cells(values)
        if column.kind == "category":
            return _read_levels(column, values)
    return _read_cells(column, values)


def _read_levels(column: Column, texts: Sequence[object]) -> Cells:
    codes: dict[object, int] = {level: code for code, level in enumerate(column.levels)}
    unlisted = len(column.levels) if column.allows_unlisted else -1
    cells = Cells(np.array([codes.get(text, unlisted) for text in texts], dtype=np.intp))
    cells.reject(cells.values < 0, type_rule(column))
    return cells


def _read_with_missing(column: Column, values: Sequence[object]) -> Cells:
    missing = np.fromiter((value is None for value in values), dtype=bool, count=len(values))
    present = read_objects(column, [value for value in values if value is not None])
    rows = np.flatnonzero(~missing)
    result = empty(column, len(values))
    result[rows] = present.values
    problems = [Problem(rows[problem.rows], problem.rule) for problem in present.problems]
    return Cells(result, missing, problems)


def _read_cells(column: Column, values: Sequence[object]) -> Cells:
    """Read cell by cell. The faster readers must agree with this one."""
    read = CELL_READERS[column.kind]
    result = empty(column, len(values))
    rejected: dict[Rule, list[int]] = {}
    for row, value in enumerate(values):
        outcome = read(column, value)
        if isinstance(outcome, tuple):
            rejected.setdefault(outcome, []).append(row)
        else:
            result[row] = outcome
    problems = [Problem(np.array(rows, dtype=np.intp), rule) for rule, rows in rejected.items()]
    return Cells(result, None, problems)


def _integer_cell(column: Column, value: object) -> int | Rule:
    if isinstance(value, float | np.floating) and np.isfinite(value):
        return INT if value == np.floor(value) else FRACTION
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        return INT
    return int(value) if INT64_MIN <= value <= INT64_MAX else RANGE


def _number_cell(column: Column, value: object) -> float | Rule:
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return FLOAT
    try:
        number = float(value)
    except (OverflowError, ValueError):  # ValueError: a signalling NaN of Decimal
        return FINITE
    return number if np.isfinite(number) else FINITE


def _boolean_cell(column: Column, value: object) -> float | Rule:
    return float(value) if isinstance(value, bool | np.bool_) else BOOL


def date_cell(column: Column, value: object) -> int | Rule:
    """The day number of a date, or the rule that the value breaks."""
    try:
        return dates.to_day(dates.parse_date(value))
    except ValueError:
        return DATE


def _category_cell(column: Column, value: object) -> int | Rule:
    if isinstance(value, str) and value in column.levels:
        return column.levels.index(value)
    if column.allows_unlisted and isinstance(value, str):
        return len(column.levels) if _is_unicode([value]) else UNICODE
    return type_rule(column)


def _identifier_cell(column: Column, value: object) -> str | Rule:
    if not isinstance(value, str):
        return STRING
    return value if _is_unicode([value]) else UNICODE


CELL_READERS: dict[Kind, Callable[[Column, object], int | float | str | Rule]] = {
    "integer": _integer_cell,
    "number": _number_cell,
    "boolean": _boolean_cell,
    "date": date_cell,
    "category": _category_cell,
    "identifier": _identifier_cell,
}
"""Reads one Python value of each kind; a cell that breaks a rule gives the rule instead."""


def _is_unicode(texts: Sequence[Any]) -> bool:
    """Whether strings contain no lone surrogates; they are checked in one pass."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True
