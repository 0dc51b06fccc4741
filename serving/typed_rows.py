"""Customers in JSON as rows of one type per schema: msgspec decodes and checks them in one pass.

The types accept only what ``check_records`` accepts for the same JSON. What they reject may still
be valid there (a customer with an ignored field, for example), so a body that they reject is read
again with ``check_records``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec import Meta, Struct, defstruct
from msgspec.structs import astuple

from churn_model.dates import parse_date, to_day
from churn_model.schema import RecordSchema
from churn_model.schema.column import INT64_MAX, INT64_MIN, Column, Kind
from churn_model.validation import Checked, check_cells
from churn_model.validation.cells import Cells

_Read: TypeAlias = Callable[[Sequence[Any]], Cells]

_TYPES: dict[Kind, Any] = {
    "integer": Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)],
    "number": float,
    "boolean": bool,
    "date": str,
    "category": str,
    "identifier": str,
}


def row_type(schema: RecordSchema) -> type[Struct]:
    """A class of customers whose attributes are in the order of the schema's columns.

    It forbids unknown fields, because msgspec would skip them without checking that they are valid
    JSON. Raises ValueError for a field name that msgspec does not support.
    """
    names = {f"field_{i}": column.name for i, column in enumerate(schema)}
    fields: list[Any] = [
        (field, _type(column)) if column.required else (field, _type(column) | None, None)
        for field, column in zip(names, schema, strict=True)
    ]
    return defstruct(
        "Row", fields, rename=names, kw_only=True, forbid_unknown_fields=True, gc=False
    )


def _type(column: Column) -> Any:
    if column.levels and not column.allows_unlisted:
        return Literal[column.levels]
    return _TYPES[column.kind]


class RowChecker:
    """Checks rows of ``row_type`` as ``check_records`` checks the records that they were."""

    def __init__(self, schema: RecordSchema) -> None:
        self._schema = schema
        self._readers = {column.name: _reader(column) for column in schema}

    def check(self, rows: Sequence[Struct]) -> Checked | None:
        """The checked customers (n, at least one), or None if one of them is invalid."""
        columns = dict(zip(self._readers, zip(*map(astuple, rows), strict=True), strict=True))

        def read(column: Column) -> Cells:
            return self._readers[column.name](columns[column.name])

        try:
            checked = check_cells(read, len(rows), self._schema)
        except ValueError:  # a text is not a date
            return None
        return None if checked.errors else checked


def _reader(column: Column) -> _Read:
    """The function that makes typed cells of a column's values (n,)."""
    if column.kind == "category":
        codes = {None: -1} | {level: code for code, level in enumerate(column.levels)}
        return partial(_categories, column, codes)
    return _READERS[column.kind]


def _categories(column: Column, codes: dict[str | None, int], values: Sequence[Any]) -> Cells:
    unlisted = repeat(len(column.levels))
    cells = np.fromiter(map(codes.get, values, unlisted), np.intp, len(values))
    texts = values if column.allows_unlisted else None
    return Cells(cells, None if column.required else _mask(cells < 0), texts=texts)


def _numbers(values: Sequence[Any], dtype: npt.DTypeLike = np.float64) -> Cells:
    try:
        return Cells(np.fromiter(values, dtype, len(values)))
    except TypeError:  # None, which becomes NaN
        numbers = np.array(values, np.float64)
        return Cells(numbers, np.isnan(numbers))


def _dates(values: Sequence[str | None]) -> Cells:
    days = {text: None if text is None else to_day(parse_date(text)) for text in set(values)}
    return _numbers([days[text] for text in values])


def _identifiers(values: Sequence[str | None]) -> Cells:
    if None not in values:
        return Cells(values)
    identifiers = np.array(values, dtype=object)
    missing = np.fromiter((value is None for value in values), np.bool_, len(values))
    return Cells(identifiers, missing)


def _mask(missing: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_] | None:
    return missing if missing.any() else None


_READERS: dict[Kind, _Read] = {
    "integer": partial(_numbers, dtype=np.int64),
    "number": _numbers,
    "boolean": _numbers,
    "date": _dates,
    "identifier": _identifiers,
}
