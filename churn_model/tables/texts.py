"""Tables that are kept as text: each cell is read as the schema declares it, nothing is inferred.

A cell that cannot be read that way is an error of its row, never a value of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from churn_model.dates import parse_date
from churn_model.errors import FieldError
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.descriptor import TableDescriptor
from churn_model.validation import Checked, check_frame

_TRUE, _FALSE = {"true", "yes", "y", "1"}, {"false", "no", "n", "0"}


def check_texts(
    cells: Mapping[str, pd.Series[Any]], schema: RecordSchema, descriptor: TableDescriptor
) -> tuple[Checked, pd.DataFrame]:
    """Read and check a table's columns (field -> n cells); also gives them as they were read.

    Cells may be numbers already (n,): then they are checked only.
    """
    index = next(iter(cells.values())).index
    frame = pd.DataFrame(index=index)
    errors: list[FieldError] = []
    for column in schema:
        if column.name in cells:
            frame[column.name], unreadable = _parse(column, cells[column.name], descriptor)
            errors += unreadable
    checked = check_frame(frame, schema)
    if not errors:
        return checked, frame
    seen = {(error.row, error.field) for error in errors}
    errors += [error for error in checked.errors if (error.row, error.field) not in seen]
    place = {column.name: i for i, column in enumerate(schema)}
    errors.sort(key=lambda error: (error.row, place[error.field]))
    valid = checked.valid.copy()
    valid[[error.row for error in errors]] = False
    return replace(checked, valid=valid, errors=tuple(errors)), frame


def _parse(
    column: Column, cells: pd.Series[Any], descriptor: TableDescriptor
) -> tuple[pd.Series[Any], list[FieldError]]:
    if cells.dtype.kind in "iufb" and column.kind in ("integer", "number", "boolean"):
        return cells, []
    if cells.dtype.kind == "M" and column.kind == "date":
        return cells, []
    if column.kind in ("integer", "number") and isinstance(cells.dtype, pd.StringDtype):
        numbers = read_numbers(pa.array(cells), descriptor)
        if numbers is not None:
            return pd.Series(numbers, index=cells.index), []
    # each text once, however often it is there; only texts, because to pandas True is the same as 1
    if isinstance(cells.dtype, pd.StringDtype):
        places, distinct = pd.factorize(cells, use_na_sentinel=False)
    else:
        places, distinct = np.arange(len(cells)), cells
    missing = {""} if column.kind == "identifier" else set(descriptor.missing)
    values = [_cell(column, cell, descriptor, missing) for cell in distinct.tolist()]
    unreadable = np.array([value is _NOTHING for value in values], dtype=bool)
    parsed = pd.Series(
        [None if value is _NOTHING else value for value in values], dtype=_DTYPES[column.kind]
    )
    parsed = parsed.take(places).set_axis(cells.index)
    rows = np.flatnonzero(unreadable[places]).tolist() if unreadable.any() else []
    return parsed, [FieldError(row, column.name, *_UNREADABLE[column.kind]) for row in rows]


_NOTHING: Any = object()
"""What a cell holds that cannot be read."""


def _cell(column: Column, cell: Any, descriptor: TableDescriptor, missing: set[str]) -> Any:
    try:
        text = cell.strip() if isinstance(cell, str) else cell
        if pd.isna(text) or text in missing:
            return None
        return _PARSERS[column.kind](cell, descriptor)
    except (ValueError, TypeError, ArithmeticError):
        return _NOTHING


def read_numbers(texts: pa.Array, descriptor: TableDescriptor) -> npt.NDArray[np.float64] | None:
    """A column of texts (n,) as numbers, NaN for missing; None where a cell may be no number.

    None too where the decimal mark is no point: then each cell has to be looked at.
    """
    if descriptor.csv.decimal != ".":
        return None
    trimmed = pc.utf8_trim_whitespace(texts)
    missing = pc.is_in(trimmed, pa.array(descriptor.missing, trimmed.type))
    known = pc.if_else(missing, pa.scalar(None, trimmed.type), trimmed)
    try:
        numbers: npt.NDArray[np.float64] = known.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return numbers


def _number(cell: Any, descriptor: TableDescriptor) -> float:
    if not isinstance(cell, str):
        if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
            return float(cell)
        raise TypeError
    if "_" in cell:  # Python reads 1_000 as a number; nobody else does
        raise ValueError
    if descriptor.csv.decimal != ".":
        if "." in cell:
            raise ValueError
        cell = cell.replace(descriptor.csv.decimal, ".")
    return float(cell)


def _boolean(cell: Any, descriptor: TableDescriptor) -> float:
    text = str(cell).strip().lower()
    if text in _TRUE or text in _FALSE:
        return float(text in _TRUE)
    raise ValueError


def _choice(cell: Any, descriptor: TableDescriptor) -> str:
    return str(cell).strip()


def _identifier(cell: Any, descriptor: TableDescriptor) -> str:
    if "\ufffd" in str(cell):  # what a reader puts where the bytes were no text
        raise ValueError
    return str(cell)


def _date(cell: Any, descriptor: TableDescriptor) -> Any:
    return parse_date(cell.strip() if isinstance(cell, str) else cell)


_PARSERS: dict[str, Callable[[Any, TableDescriptor], Any]] = {
    "integer": _number,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "category": _choice,
    "identifier": _identifier,
}
_DTYPES: dict[str, Any] = {
    "integer": np.float64,
    "number": np.float64,
    "boolean": "boolean",
    "date": object,
    "category": object,
    "identifier": object,
}
_UNREADABLE = {
    "integer": ("int_parsing", "is no number"),
    "number": ("float_parsing", "is no number"),
    "boolean": ("bool_parsing", "is neither yes nor no"),
    "date": ("date_parsing", "is no date as 2026-01-31"),
    "identifier": ("string_unicode", "must be valid Unicode text"),
}
