"""Tables with typed columns, such as Parquet files: Arrow columns as pandas columns."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa


def plain(array: pa.Array) -> pa.Array:
    """A column (n,) without dictionary, with strings of the type that all of pandas supports."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.string()) if pa.types.is_string_view(array.type) else array


def to_series(array: pa.Array) -> pd.Series[Any]:
    """A plain column (n,) as a pandas column with the same values."""
    # numpy where no copy is needed; otherwise Arrow's own column, because conversions lose values
    if not array.null_count and array.type in (pa.int64(), pa.float64()):
        return pd.Series(array.to_numpy(), copy=False)
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])), copy=False)
