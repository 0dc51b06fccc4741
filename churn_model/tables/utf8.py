"""Columns and cells that are not valid UTF-8, which Parquet files may contain."""

from __future__ import annotations

import pyarrow as pa

from churn_model.tables.typed import plain


def plain_strings(array: pa.Array) -> pa.Array:
    """A column (n,) of any type as a plain one, with U+FFFD for invalid UTF-8 in strings."""
    array = plain(array)
    return as_text(array.cast(pa.large_binary())) if _is_undecoded(array) else array


def _is_undecoded(array: pa.Array) -> bool:
    """Whether a column of strings contains invalid UTF-8, which Parquet files may do."""
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return False
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return True
    return False


def undecoded_rows(array: pa.Array) -> list[int]:
    """The rows of a column of strings or bytes whose values are not valid UTF-8."""
    array = plain(array)
    if not _is_undecoded(array):
        return []
    values = array.cast(pa.large_binary()).to_pylist()
    return [row for row, value in enumerate(values) if value is not None and not _is_utf8(value)]


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def as_text(array: pa.Array) -> pa.Array:
    """A column as strings (n,): invalid UTF-8 becomes U+FFFD, values of other types become null."""
    if array.type == pa.string():
        return array
    if pa.types.is_large_string(array.type):
        return array.cast(pa.string())
    if not (pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type)):
        return pa.nulls(len(array), pa.string())
    try:
        return array.cast(pa.string())
    except pa.ArrowInvalid:
        cells = array.to_pylist()
        texts = [None if cell is None else cell.decode(errors="replace") for cell in cells]
        return pa.array(texts, pa.string())
