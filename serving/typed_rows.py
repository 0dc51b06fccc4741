"""Customers in JSON as rows of one type per schema: msgspec decodes and checks them in one pass.

The types accept only what ``check_records`` accepts for the same JSON. What they reject may still
be valid there (a customer with an ignored field, for example), so a body that they reject is read
again with ``check_records``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from itertools import chain
from struct import error, pack
from typing import Annotated, Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from msgspec import Meta, Struct, defstruct
from msgspec.structs import astuple

from churn_model.dates import parse_date, to_day
from churn_model.schema import RecordSchema
from churn_model.schema.column import INT64_MAX, INT64_MIN, Column, Kind
from churn_model.validation import Checked, check_cells
from churn_model.validation.cells import Cells, identifier_cells

_Read: TypeAlias = Callable[[Sequence[Any]], Cells]

_TYPES: dict[Kind, Any] = {
    "integer": Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)],
    "number": float,
    "boolean": bool,
    "date": str,
    "category": str,
    "identifier": str,
}


def row_type(schema: RecordSchema, *, is_checked: bool = False) -> type[Struct]:
    """A class of customers whose attributes are in the order of the schema's columns.

    ``is_checked``: the types check bounds and dates as well; whole columns are checked faster
    afterwards, by ``TypedRowChecker``.

    It forbids unknown fields, because msgspec would skip them without checking that they are valid
    JSON. Raises ValueError for a field name that msgspec does not support.
    """
    names = {f"field_{i}": column.name for i, column in enumerate(schema)}
    type_of = _checked_type if is_checked else _type
    fields: list[Any] = [
        (field, type_of(column)) if column.required else (field, type_of(column) | None, None)
        for field, column in zip(names, schema, strict=True)
    ]
    return defstruct(
        "Row", fields, rename=names, kw_only=True, forbid_unknown_fields=True, gc=False
    )


def _type(column: Column) -> Any:
    if column.levels and not column.allows_unlisted:
        return Literal[column.levels]
    return _TYPES[column.kind]


def _checked_type(column: Column) -> Any:
    if column.kind == "date":
        return date
    bounds = {
        "ge": column.minimum,
        "le": column.maximum,
        "gt": column.exclusive_minimum,
        "lt": column.exclusive_maximum,
    }
    given: dict[str, Any] = {name: bound for name, bound in bounds.items() if bound is not None}
    if column.kind == "integer":
        return Annotated[int, Meta(**given)]
    if column.kind == "number" and given:
        return Annotated[float, Meta(**given)]
    return _type(column)


class TypedRowChecker:
    """Checks rows of ``row_type`` as ``check_records`` checks the records that they were."""

    def __init__(self, schema: RecordSchema) -> None:
        self._schema = schema
        self._readers = {column.name: _READERS[column.kind](column) for column in schema}

    def check(self, rows: Sequence[Struct]) -> Checked | None:
        """The checked customers (n, at least one), or None if one of them is invalid."""
        cells = list(chain.from_iterable(map(astuple, rows)))
        width = len(self._readers)
        columns = {name: cells[i::width] for i, name in enumerate(self._readers)}

        def read(column: Column) -> Cells:
            return self._readers[column.name](columns[column.name])

        try:
            checked = check_cells(read, len(rows), self._schema)
        except ValueError:  # a text is not a date
            return None
        return None if checked.errors else checked


class _Codes(dict[str | None, int]):
    """The codes of levels; that of all other texts is the number of levels."""

    def __init__(self, levels: Sequence[str]) -> None:
        super().__init__({None: -1} | {level: code for code, level in enumerate(levels)})
        self._unlisted = len(levels)

    def __missing__(self, text: str | None) -> int:
        return self._unlisted


def _categories(column: Column, codes: _Codes, values: Sequence[Any]) -> Cells:
    cells = _pack(list(map(codes.__getitem__, values)), "q", np.intp)
    texts = values if column.allows_unlisted else None
    return Cells(cells, None if column.required else _mask(cells < 0), texts=texts)


def _integers(values: Sequence[int | None]) -> Cells:
    try:
        return Cells(_pack(values, "q", np.int64))
    except error:
        return _numbers(values)


def _numbers(values: Sequence[float | None]) -> Cells:
    try:
        return Cells(_pack(values, "d", np.float64))
    except error:  # None, which becomes NaN
        numbers = np.array(values, np.float64)
        return Cells(numbers, np.isnan(numbers))


def _booleans(values: Sequence[bool | None]) -> Cells:
    try:
        return Cells(
            np.frombuffer(bytes(cast(Sequence[bool], values)), np.uint8).astype(np.float64)
        )
    except TypeError:  # None
        return _numbers(values)


def _pack(values: Sequence[Any], code: str, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Numbers (n,) as an array, in half the time that numpy takes. Raises struct.error."""
    return np.frombuffer(pack(f"{len(values)}{code}", *values), dtype)


def _dates(values: Sequence[str | None]) -> Cells:
    days = {text: None if text is None else to_day(parse_date(text)) for text in set(values)}
    return _numbers([days[text] for text in values])


def _mask(missing: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_] | None:
    return missing if missing.any() else None


_READERS: dict[Kind, Callable[[Column], _Read]] = {
    "integer": lambda _: _integers,
    "number": lambda _: _numbers,
    "boolean": lambda _: _booleans,
    "date": lambda _: _dates,
    "category": lambda column: partial(_categories, column, _Codes(column.levels)),
    "identifier": lambda _: identifier_cells,
}
"""By kind: makes the function that turns a column's values (n,) into typed cells."""
