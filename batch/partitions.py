"""Partitions as Hive and Spark name them: folders ``column=value``, percent-encoded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from churn_model.errors import BatchError
from churn_model.tables.reading.folder_values import NULL

_ENCODED = re.compile(r"[\x00-\x1f\x7f\"#%'*/:=?\\{\[\]^]")


def folder_name(column: str, text: str | None) -> str:
    """The name of a partition's folder."""
    return f"{_encode(column)}={_encode(text) if text else NULL}"


def _encode(text: str) -> str:
    return _ENCODED.sub(lambda match: f"%{ord(match[0]):02X}", text)


def as_partition_texts(column: str, array: pa.Array) -> pa.Array:
    """A column's values (n,) as texts for folder names, equal for both engines.

    The empty string becomes null. Raises BatchError for a type or a value without such a text.
    """
    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), pa.string())
    if not any(is_type(array.type) for is_type in _TYPES):
        raise BatchError(f"--partition-by {column}: a column of type {array.type} has no text form")
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        array = array.cast(pa.timestamp(array.type.unit, "UTC"))
    encoded = array.dictionary_encode()
    try:
        values = encoded.dictionary.to_pylist()
    except UnicodeDecodeError:
        raise BatchError(f"--partition-by {column}: a value is not valid UTF-8") from None
    single = pa.types.is_float32(array.type)
    texts = [_text(np.float32(v) if single and v is not None else v) for v in values]
    return pa.array(texts, pa.string()).take(encoded.indices)


def with_partition_texts(rows: pa.RecordBatch, columns: Iterable[str]) -> pa.RecordBatch:
    """The rows with these columns as texts. Raises as ``as_partition_texts`` does."""
    for name in columns:
        index = rows.schema.get_field_index(name)
        rows = rows.set_column(index, name, as_partition_texts(name, rows.column(index)))
    return rows


_TYPES = (
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    *(pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
    *(pa.types.is_date, pa.types.is_timestamp),
)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | np.floating):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(value), str(value))
    return None if value is None else str(value) or None
