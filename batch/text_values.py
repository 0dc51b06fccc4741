"""Columns of any type in formats of text: as JSON values, and as CSV cells.

Both engines write the same: bytes as base64, and U+FFFD for bytes that are not valid UTF-8. JSON
has no number for NaN and infinity, which become strings.
"""

from __future__ import annotations

import base64
import math
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from churn_model.tables.utf8 import plain_strings

_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def json_lines(batch: pa.RecordBatch) -> list[bytes]:
    """The rows (n,) as JSON objects with a line end.

    Raises ValueError, TypeError, KeyError or OverflowError for a value that JSON or Python cannot
    represent.
    """
    names = batch.schema.names
    columns = [_json_values(column) for column in batch.columns]
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    rows = zip(*columns, strict=True)
    return [orjson.dumps(dict(zip(names, row, strict=True)), _default, options) for row in rows]


def csv_cells(table: pa.Table) -> pa.Table:
    """The table with its columns of bytes, and of strings with invalid UTF-8, as valid strings."""
    for index, name in enumerate(table.schema.names):
        array = table.column(index).combine_chunks()
        if _is_binary(array.type):
            cells = [_json_value(value) for value in array.to_pylist()]
            table = table.set_column(index, name, pa.array(cells, pa.string()))
        elif (valid := plain_strings(array)) is not array:
            table = table.set_column(index, name, valid)
    return table


def _json_values(array: pa.Array) -> list[Any]:
    """A column as Python values that orjson writes faithfully."""
    kind = array.type
    infinite = pa.types.is_floating(kind) and not pc.all(pc.is_finite(array)).as_py()
    values: list[Any] = plain_strings(array).to_pylist(maps_as_pydicts="strict")
    if infinite or pa.types.is_nested(kind) or _is_binary(kind):
        return [_json_value(value) for value in values]
    return values


def _json_value(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else _NOT_FINITE[str(value)]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {_json_value(key): _json_value(item) for key, item in value.items()}
    return value


def _default(value: Any) -> Any:
    """What orjson does not write by itself: decimals, with all their digits, and times as text."""
    return orjson.Fragment(f"{value:f}") if isinstance(value, Decimal) else str(value)


def _is_binary(kind: pa.DataType) -> bool:
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(test(kind) for test in (*tests, pa.types.is_binary_view))
