"""Tables with typed columns, such as Parquet files: Arrow columns as pandas columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from churn_model.tables.cell_format import CellFormat


def plain(array: pa.Array) -> pa.Array:
    """A column (n,) without dictionary, with strings and floats of types that can be compared."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_float16(array.type):
        return array.cast(pa.float32())
    return array.cast(pa.string()) if pa.types.is_string_view(array.type) else array


def to_series(array: pa.Array) -> pd.Series[Any]:
    """A plain column (n,) as a pandas column with the same values."""
    # numpy where no copy is needed; otherwise Arrow's own column, because conversions lose values
    if not array.null_count and array.type in (pa.int64(), pa.float64()):
        return pd.Series(array.to_numpy(), copy=False)
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])), copy=False)


def as_written(values: pd.Series[Any], written: CellFormat) -> pd.Series[Any]:
    """A typed column (n,) in which the values that mean missing are missing.

    Timestamps become days if the column's format says that it has them.
    """
    if written.date_format is not None and written.date_format.has_time:
        values = _days_of(values)
    return _without_missing(values, written)


def _days_of(values: pd.Series[Any]) -> pd.Series[Any]:
    """The days in UTC of timestamps; a column of another type is not changed."""
    if isinstance(values.dtype, pd.ArrowDtype) and pa.types.is_timestamp(
        values.dtype.pyarrow_dtype
    ):
        values = pd.Series(pd.to_datetime(values.array.to_numpy()), index=values.index)
    if values.dtype.kind != "M":
        return values
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    return values.dt.normalize()


def _without_missing(values: pd.Series[Any], written: CellFormat) -> pd.Series[Any]:
    found = _mean_missing(values, written)
    if found is None or not found.any():
        return values
    if values.dtype.kind in "iu" and isinstance(values.dtype, np.dtype):
        values = values.astype("Int64")  # a float would lose digits of large integers
    return values.mask(found)


def _mean_missing(values: pd.Series[Any], written: CellFormat) -> pd.Series[Any] | None:
    """Which values (n,) mean missing; None if the column's type has none."""
    if isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_object_dtype(values.dtype):
        return None
    if pd.api.types.is_string_dtype(values.dtype):
        return values.str.strip().isin(list(written.missing)).fillna(False).astype(bool)
    if pd.api.types.is_bool_dtype(values.dtype):
        return None
    if pd.api.types.is_numeric_dtype(values.dtype) and written.missing_numbers:
        marks = _as_type_of(values, written.missing_numbers)
        return values.isin(marks).fillna(False).astype(bool)
    if values.dtype.kind == "M" and written.missing_dates and not _has_time_zone(values.dtype):
        days = [pd.Timestamp(day) for day in written.missing_dates if day.year >= _FIRST_YEAR]
        return values.isin(days).fillna(False).astype(bool)
    return None


def _has_time_zone(dtype: Any) -> bool:
    """Whether a type of timestamps, of pandas or of Arrow, has a time zone: they are no dates."""
    if isinstance(dtype, pd.ArrowDtype):
        return getattr(dtype.pyarrow_dtype, "tz", None) is not None
    return isinstance(dtype, pd.DatetimeTZDtype)


def _as_type_of(values: pd.Series[Any], numbers: Sequence[float]) -> Any:
    """The numbers that a column can have, as integers for integers.

    Arrow compares integers with floats only up to 2^53, and raises an error beyond.
    """
    if values.dtype.kind not in "iu":
        return list(numbers)
    dtype = values.dtype
    range_ = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
    whole = [int(number) for number in numbers if float(number).is_integer()]
    return pd.array([n for n in whole if range_.min <= n <= range_.max], dtype=dtype)


_FIRST_YEAR = 1678
"""The first year of pandas' timestamps in nanoseconds."""
