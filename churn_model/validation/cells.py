"""Cells as callers hand them over -> one typed array a column, and what could not be read.

Two ways in, one result. ``read_series`` takes a pandas column, where NaN means missing and a
nullable integer column may have become float64. ``read_objects`` takes Python values, where nothing
is guessed: ``30.0`` is no whole number, ``True`` is no number, NaN is no charge.

In the arrays a missing or unreadable cell is NaN (numbers), -1 (category codes) or None (texts). A
category that is none of an open column's levels has the code after the last one. Dates are days.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types as dtypes

from churn_model import dates
from churn_model.schema.column import INT64_MAX, INT64_MIN, Column, Kind

Array: TypeAlias = npt.NDArray[Any]
Mask: TypeAlias = npt.NDArray[np.bool_]
Rule: TypeAlias = tuple[str, str]
"""A rule's stable name, in pydantic's vocabulary, and what it demands in words."""

_EXACT = 2**53

MISSING: Rule = ("missing", "is required")
_INT: Rule = ("int_type", "must be a whole number")
_FRACTION: Rule = ("int_from_float", "must be a whole number, without a fraction")
_RANGE: Rule = ("int_range", "must fit into 64 bits")
_FLOAT: Rule = ("float_type", "must be a number")
_FINITE: Rule = ("finite_number", "must be a finite number")
_BOOL: Rule = ("bool_type", "must be true or false")
_DATE: Rule = ("date_type", "must be a date, as 2026-01-31")
_TEXT: Rule = ("string_type", "must be text")
_UNICODE: Rule = ("string_unicode", "must be valid Unicode text")


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows (positions) of one column that break one rule."""

    rows: npt.NDArray[np.intp]
    rule: Rule


@dataclass(slots=True)
class Cells:
    """One column as read: ``values`` (n,) and a mask ``missing`` (n,), None where none is.

    ``texts`` (n,): an open category's cells as they came, for the sake of those of no known code.
    """

    values: Any
    missing: Mask | None = None
    problems: list[Problem] = field(default_factory=list)
    texts: Any = None

    def refuse(self, bad: Mask, rule: Rule) -> None:
        """Note the rows of a mask as breaking a rule, if there are any."""
        if self.missing is not None:
            bad = bad & ~self.missing
        if bad.any():
            self.problems.append(Problem(np.flatnonzero(bad), rule))


def absent(column: Column, n: int) -> Cells:
    """The cells of a column that the caller did not send: ``n`` missing ones."""
    return Cells(_empty(column, n), np.ones(n, dtype=bool))


# --- pandas columns ---------------------------------------------------------------------------


def read_series(column: Column, series: pd.Series[Any]) -> Cells:
    """Read one pandas column of any dtype."""
    values, stored = _unpack(series)
    if stored == "O":
        return read_objects(column, values.tolist())
    suits, read = _ARRAY_READERS[column.kind]
    if stored in suits:
        return read(column, values)
    missing = np.asarray(pd.isna(values))
    cells = Cells(_empty(column, len(values)), missing if missing.any() else None)
    cells.refuse(np.ones(len(values), dtype=bool), _type_rule(column))
    return cells


def _unpack(series: pd.Series[Any]) -> tuple[Any, str]:
    """A column's values, and how they are stored: numpy's letter for it, or S for pandas' text.

    A missing value of a nullable number is NaN then, of a text or object None.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _unpack(series.astype(dtype.categories.dtype))
    if isinstance(dtype, np.dtype):
        values = series.to_numpy()
        return (_none_if_missing(values) if dtype.kind == "O" else values), dtype.kind
    if dtypes.is_string_dtype(dtype):
        if series.isna().any():
            return series.to_numpy(dtype=object, na_value=None), "S"
        return series.array, "S"
    if isinstance(dtype, pd.ArrowDtype) and (dtype.kind == "M" or dtype.type is date):
        if getattr(dtype.pyarrow_dtype, "tz", None) is None:
            return series.array.__arrow_array__().cast("timestamp[us]").to_numpy(), "M"
        return series.array, "?"  # a time zone makes it more than a date
    if dtype.type is Decimal:  # Arrow's; as floats are, also where the column wants whole numbers
        return series.to_numpy(dtype=np.float64, na_value=np.nan), "f"
    for is_kind, stored in (
        (dtypes.is_bool_dtype, "b"),
        (dtypes.is_unsigned_integer_dtype, "u"),
        (dtypes.is_integer_dtype, "i"),
        (dtypes.is_float_dtype, "f"),
    ):
        if is_kind(dtype):
            if stored == "i" and series.isna().any() and _is_inexact(series):
                return series.to_numpy(dtype=object, na_value=None), "O"
            if series.isna().any() or stored == "f":
                return series.to_numpy(dtype=np.float64, na_value=np.nan), stored
            return series.to_numpy(dtype=np.dtype(stored + "8" if stored != "b" else "?")), stored
    return series.array, "?"


def _is_inexact(series: pd.Series[Any]) -> bool:
    """Whether a column has whole numbers that a float does not hold exactly."""
    return bool((series.abs() > _EXACT).any())


def _none_if_missing(values: Array) -> Array:
    missing = pd.isna(values)
    if missing.any():
        values = values.copy()
        values[missing] = None
    return values


def _number_array(column: Column, values: Array) -> Cells:
    if values.dtype.kind != "f":
        return Cells(values.astype(np.float64))
    values = values.astype(np.float64, copy=False)
    missing = np.isnan(values)
    cells = Cells(values, missing if missing.any() else None)
    _refuse_infinite(cells)
    return cells


def _integer_array(column: Column, values: Array) -> Cells:
    if values.dtype.kind == "i":
        return Cells(values.astype(np.int64, copy=False))
    cells = _number_array(column, values)
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(cells.values)
        cells.refuse(finite & (np.floor(cells.values) != cells.values), _FRACTION)
        cells.refuse((cells.values < INT64_MIN) | (cells.values >= -float(INT64_MIN)), _RANGE)
    return cells


def _date_array(column: Column, values: Any) -> Cells:
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        days, bad = dates.days_of_times(values)
        missing = np.isnan(days) & ~bad
    else:  # each text once, however often it is there
        places, distinct = pd.factorize(np.asarray(values, dtype=object))
        read = [_date_cell(column, text) for text in distinct.tolist()]
        known = np.array([np.nan if isinstance(day, tuple) else day for day in read], dtype=float)
        missing = places < 0
        days = np.where(missing, np.nan, np.append(known, np.nan)[places])
        bad = np.isnan(days) & ~missing
    cells = Cells(days, missing if missing.any() else None)
    cells.refuse(bad, _DATE)
    return cells


def _text_array(column: Column, values: Any) -> Cells:
    if isinstance(values, np.ndarray):  # it has missing texts
        return Cells(values, np.asarray(pd.isna(values)))
    return Cells(values)


def _category_array(column: Column, values: Any) -> Cells:
    texts = np.asarray(values, dtype=object)
    codes = pd.Index(column.levels, dtype=object).get_indexer(pd.Index(texts, dtype=object))
    missing = np.asarray(pd.isna(texts))
    cells = Cells(codes, missing if missing.any() else None)
    if column.allows_unlisted:
        codes[(codes < 0) & ~missing] = len(column.levels)
        cells.texts = texts
    cells.refuse(codes < 0, _type_rule(column))
    return cells


_ARRAY_READERS: dict[Kind, tuple[str, Callable[[Column, Any], Cells]]] = {
    "integer": ("iuf", _integer_array),
    "number": ("iuf", _number_array),
    "boolean": ("b", _number_array),
    "date": ("MS", _date_array),
    "category": ("S", _category_array),
    "identifier": ("S", _text_array),
}


# --- Python values ----------------------------------------------------------------------------


def read_objects(column: Column, values: Sequence[object]) -> Cells:
    """Read Python values, None being missing.

    The types present decide: a column of nothing but ints (or floats, or texts) is converted as
    one; only a column that mixes types is looked at cell by cell.
    """
    cells = _read_values(column, values)
    if column.allows_unlisted:
        cells.texts = values
    return cells


def _read_values(column: Column, values: Sequence[object]) -> Cells:
    seen = set(map(type, values))
    if type(None) in seen:
        return _read_with_missing(column, values)
    try:
        if column.kind == "integer" and seen == {int}:
            return Cells(np.array(values, dtype=np.int64))
        if column.kind == "number" and seen <= {int, float}:
            cells = Cells(np.array(values, dtype=np.float64))
            _refuse_infinite(cells)
            return cells
    except OverflowError:
        return _read_cells(column, values)
    if seen == {str} and _is_unicode(values):
        if column.kind == "identifier":
            return Cells(values)
        if column.kind == "category":
            return _read_levels(column, values)
    return _read_cells(column, values)


def _read_levels(column: Column, texts: Sequence[object]) -> Cells:
    codes: dict[object, int] = {choice: code for code, choice in enumerate(column.levels)}
    other = len(column.levels) if column.allows_unlisted else -1
    cells = Cells(np.array([codes.get(text, other) for text in texts], dtype=np.intp))
    cells.refuse(cells.values < 0, _type_rule(column))
    return cells


def _read_with_missing(column: Column, values: Sequence[object]) -> Cells:
    missing = np.fromiter((value is None for value in values), dtype=bool, count=len(values))
    present = read_objects(column, [value for value in values if value is not None])
    where = np.flatnonzero(~missing)
    spread = _empty(column, len(values))
    spread[where] = present.values
    problems = [Problem(where[problem.rows], problem.rule) for problem in present.problems]
    return Cells(spread, missing, problems)


def _read_cells(column: Column, values: Sequence[object]) -> Cells:
    """The slow way, cell by cell; it alone defines what a Python value means."""
    read = _CELL_READERS[column.kind]
    result = _empty(column, len(values))
    refused: dict[Rule, list[int]] = {}
    for row, value in enumerate(values):
        outcome = read(column, value)
        if isinstance(outcome, tuple):
            refused.setdefault(outcome, []).append(row)
        else:
            result[row] = outcome
    problems = [Problem(np.array(rows, dtype=np.intp), rule) for rule, rows in refused.items()]
    return Cells(result, None, problems)


def _whole_cell(column: Column, value: object) -> int | Rule:
    if isinstance(value, float | np.floating) and np.isfinite(value):
        return _INT if value == np.floor(value) else _FRACTION
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        return _INT
    return int(value) if INT64_MIN <= value <= INT64_MAX else _RANGE


def _number_cell(column: Column, value: object) -> float | Rule:
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return _FLOAT
    try:
        number = float(value)
    except (OverflowError, ValueError):  # ValueError: a decimal's signalling NaN
        return _FINITE
    return number if np.isfinite(number) else _FINITE


def _boolean_cell(column: Column, value: object) -> float | Rule:
    return float(value) if isinstance(value, bool | np.bool_) else _BOOL


def _date_cell(column: Column, value: object) -> int | Rule:
    try:
        return dates.to_day(dates.parse_date(value))
    except ValueError:
        return _DATE


def _category_cell(column: Column, value: object) -> int | Rule:
    if isinstance(value, str) and value in column.levels:
        return column.levels.index(value)
    if column.allows_unlisted and isinstance(value, str):
        return len(column.levels) if _is_unicode([value]) else _UNICODE
    return _type_rule(column)


def _text_cell(column: Column, value: object) -> str | Rule:
    if not isinstance(value, str):
        return _TEXT
    return value if _is_unicode([value]) else _UNICODE


_CELL_READERS: dict[Kind, Callable[[Column, object], int | float | str | Rule]] = {
    "integer": _whole_cell,
    "number": _number_cell,
    "boolean": _boolean_cell,
    "date": _date_cell,
    "category": _category_cell,
    "identifier": _text_cell,
}


# --- both -------------------------------------------------------------------------------------


def _refuse_infinite(cells: Cells) -> None:
    finite = np.isfinite(cells.values)
    if not finite.all():
        cells.refuse(~finite, _FINITE)


def _type_rule(column: Column) -> Rule:
    """What a column demands of a cell before any bound."""
    if column.kind == "category" and not column.allows_unlisted:
        listed = ", ".join(map(repr, column.levels[:10]))
        return "literal_error", f"must be one of {listed}" + ", ..." * (len(column.levels) > 10)
    return _TYPE_RULES[column.kind]


_TYPE_RULES: dict[Kind, Rule] = {
    "integer": _INT,
    "number": _FLOAT,
    "boolean": _BOOL,
    "date": _DATE,
    "category": _TEXT,
    "identifier": _TEXT,
}


def _empty(column: Column, n: int) -> Array:
    if column.kind == "identifier":
        return np.full(n, None, dtype=object)
    if column.kind == "category":
        return np.full(n, -1, dtype=np.intp)
    return np.full(n, np.nan)


def _is_unicode(texts: Sequence[Any]) -> bool:
    """Whether texts are free of lone surrogates; one pass over all of them together."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True
