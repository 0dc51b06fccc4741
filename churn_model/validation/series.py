"""Reads pandas columns of any dtype. NaN means missing.

A column of another dtype with an equivalent value is accepted: a nullable integer column may have
become float64, so integral floats are accepted as integers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types as dtypes

from churn_model import dates
from churn_model.arrays import Array, Mask
from churn_model.schema.column import INT64_MIN, LAST_EXACT_INTEGER, Column, Kind
from churn_model.validation.cells import Cells, empty, reject_infinite
from churn_model.validation.objects import date_cell, read_objects
from churn_model.validation.rules import DATE, FRACTION, RANGE, type_rule


def read_series(column: Column, series: pd.Series[Any]) -> Cells:
    """Read a pandas column of any dtype."""
    if column.kind == "category" and _has_arrow_strings(series.dtype):
        return _arrow_category(column, series)
    values, storage = _unpack(series)
    if storage == "O":
        return read_objects(column, values.tolist())
    accepted, read = ARRAY_READERS[column.kind]
    if storage in accepted:
        return read(column, values)
    missing = np.asarray(pd.isna(values))
    cells = Cells(empty(column, len(values)), missing if missing.any() else None)
    cells.reject(np.ones(len(values), dtype=bool), type_rule(column))
    return cells


def read_numerical(column: Column, numbers: Array) -> Cells:
    """Read an array (n,) of integers or floats as a column of numbers."""
    return ARRAY_READERS[column.kind][1](column, numbers)


_TOO_LARGE = 2.0**63
"""The smallest float above the integers of 64 bits."""


def _unpack(series: pd.Series[Any]) -> tuple[Any, str]:
    """A column's values and their storage: numpy's ``dtype.kind``, "S" for strings, "?" for others.

    Missing values become NaN in numbers, and None in strings and objects.
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
            return series.array.__arrow_array__().to_numpy(zero_copy_only=False), "M"
        return series.array, "?"  # a datetime with a time zone is not a date
    if dtype.type is Decimal:  # Arrow decimals are treated as floats, also in integer columns
        return series.to_numpy(dtype=np.float64, na_value=np.nan), "f"
    return _unpack_numbers(series)


def _unpack_numbers(series: pd.Series[Any]) -> tuple[Any, str]:
    """A column of a pandas or Arrow number type, as ``_unpack`` returns it."""
    has_missing = series.isna().any()
    for is_kind, storage in (
        (dtypes.is_bool_dtype, "b"),
        (dtypes.is_unsigned_integer_dtype, "u"),
        (dtypes.is_integer_dtype, "i"),
        (dtypes.is_float_dtype, "f"),
    ):
        if is_kind(series.dtype):
            if storage == "i" and has_missing and _exceeds_float(series):
                return series.to_numpy(dtype=object, na_value=None), "O"
            if has_missing or storage == "f":
                return series.to_numpy(dtype=np.float64, na_value=np.nan), storage
            return series.to_numpy(
                dtype=np.dtype("?" if storage == "b" else f"{storage}8")
            ), storage
    return series.array, "?"


def _exceeds_float(series: pd.Series[Any]) -> bool:
    """Whether a column has integers that a float cannot represent exactly."""
    return bool(((series > LAST_EXACT_INTEGER) | (series < -LAST_EXACT_INTEGER)).any())


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
    reject_infinite(cells)
    return cells


def _integer_array(column: Column, values: Array) -> Cells:
    if values.dtype.kind == "i":
        return Cells(values.astype(np.int64, copy=False))
    if _are_integers(values):
        return Cells(values.astype(np.float64, copy=False))
    cells = _number_array(column, values)
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(cells.values)
        cells.reject(finite & (np.floor(cells.values) != cells.values), FRACTION)
        cells.reject((cells.values < INT64_MIN) | (cells.values >= _TOO_LARGE), RANGE)
    return cells


def _are_integers(values: Array) -> bool:
    """Whether all floats (n,) are integers of 64 bits, and none is missing."""
    return bool(
        (np.floor(values) == values).all()
        and values.min(initial=0.0) >= INT64_MIN
        and values.max(initial=0.0) < _TOO_LARGE
    )


def _date_array(column: Column, values: Any) -> Cells:
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        days, invalid = dates.days_of_times(values)
        missing = np.isnan(days) & ~invalid
    else:  # distinct strings are parsed once
        codes, distinct = pd.factorize(np.asarray(values, dtype=object))
        read = [date_cell(column, text) for text in distinct.tolist()]
        parsed = np.array([np.nan if isinstance(day, tuple) else day for day in read], dtype=float)
        missing = codes < 0
        days = np.where(missing, np.nan, np.append(parsed, np.nan)[codes])
        invalid = np.isnan(days) & ~missing
    cells = Cells(days, missing if missing.any() else None)
    cells.reject(invalid, DATE)
    return cells


def _identifier_array(column: Column, values: Any) -> Cells:
    if isinstance(values, np.ndarray):  # some strings are missing
        return Cells(values, np.asarray(pd.isna(values)))
    return Cells(values)


def _category_array(column: Column, values: Any) -> Cells:
    texts = np.asarray(values, dtype=object)
    codes = pd.Index(column.levels, dtype=object).get_indexer(pd.Index(texts, dtype=object))
    return _category_cells(column, codes, np.asarray(pd.isna(texts)), texts)


def _category_cells(column: Column, codes: Array, missing: Mask, texts: Any) -> Cells:
    """Cells of a category from the positions of its levels (n,), -1 for other texts (n,)."""
    cells = Cells(codes, missing if missing.any() else None)
    if column.allows_unlisted:
        codes[(codes < 0) & ~missing] = len(column.levels)
        cells.texts = texts
    cells.reject(codes < 0, type_rule(column))
    return cells


def _has_arrow_strings(dtype: Any) -> bool:
    """Whether a column's strings are stored by Arrow, which compares them without Python."""
    if isinstance(dtype, pd.ArrowDtype):
        return str(dtype.pyarrow_dtype) in ("string", "large_string")
    return isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow"


def _arrow_category(column: Column, series: pd.Series[Any]) -> Cells:
    strings: Any = series.array
    codes, missing, are_levels = arrow_levels(column, strings.__arrow_array__())
    if are_levels:
        return Cells(codes, missing, texts=strings if column.allows_unlisted else None)
    return _category_cells(
        column, codes, np.zeros(len(codes), dtype=bool) if missing is None else missing, strings
    )


def arrow_levels(column: Column, strings: Any) -> tuple[Array, Mask | None, bool]:
    """The positions (n,) of Arrow's strings in a category's levels, -1 for all others.

    Also which strings are missing (n,), None if none is, and whether all others are levels.
    """
    import pyarrow as pa  # which the caller has imported
    import pyarrow.compute as pc

    codes = pc.index_in(strings, value_set=pa.array(column.levels, strings.type))
    are_levels = codes.null_count == strings.null_count
    missing = strings.is_null().to_numpy(zero_copy_only=False) if strings.null_count else None
    if codes.null_count:
        codes = codes.fill_null(-1)
    return codes.to_numpy().astype(np.intp), missing, are_levels


ARRAY_READERS: dict[Kind, tuple[str, Callable[[Column, Any], Cells]]] = {
    "integer": ("iuf", _integer_array),
    "number": ("iuf", _number_array),
    "boolean": ("b", _number_array),
    "date": ("MS", _date_array),
    "category": ("S", _category_array),
    "identifier": ("S", _identifier_array),
}
"""The storage that each kind accepts (see ``_unpack``), and the reader for it."""
