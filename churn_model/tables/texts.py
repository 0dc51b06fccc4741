"""Parses tables of strings: each cell is read as schema and descriptor say, nothing is inferred.

A cell that cannot be parsed makes its row invalid; it is never replaced by another value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from churn_model.dates import parse_date
from churn_model.schema import Kind, RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.cell_format import NUMERICAL, CellFormat
from churn_model.tables.descriptor import TableDescriptor
from churn_model.tables.missing_values import MISSING
from churn_model.tables.number_texts import read_numbers
from churn_model.tables.typed import as_written
from churn_model.validation import Checked, check_series
from churn_model.validation.field_errors import ErrorGroup, FieldErrors

_TRUE, _FALSE = {"true", "yes", "y", "1"}, {"false", "no", "n", "0"}
_UNPARSED: Any = object()
"""Stands for the value of a cell that cannot be parsed."""
_NO_ROWS: npt.NDArray[np.intp] = np.array([], dtype=np.intp)


def check_texts(
    cells: Mapping[str, pd.Series[Any]],
    schema: RecordSchema,
    descriptor: TableDescriptor,
    typed: Mapping[str, pd.Series[Any]] | None = None,
) -> tuple[Checked, pd.DataFrame]:
    """Parse and check a table's columns (field -> n cells), of which there is at least one.

    A column that is numerical already (n,) is checked only, and so are all columns of ``typed``;
    values that mean missing are missing in all of them. Returns the parsed table too.
    """
    columns, unparsed = _parse_table(cells, schema, descriptor, typed or {})
    index = next(iter({**cells, **(typed or {})}.values())).index
    checked = with_errors(check_series(columns, len(index), schema), unparsed, schema)
    return checked, pd.DataFrame(columns, index=index)


def _parse_table(
    cells: Mapping[str, pd.Series[Any]],
    schema: RecordSchema,
    descriptor: TableDescriptor,
    typed: Mapping[str, pd.Series[Any]],
) -> tuple[dict[str, pd.Series[Any]], list[ErrorGroup]]:
    """The columns as values (field -> n), and the cells that cannot be parsed."""
    columns: dict[str, pd.Series[Any]] = {}
    unparsed: list[ErrorGroup] = []
    for column in schema:
        written = CellFormat.of(column, descriptor)
        if column.name in typed:
            values = typed[column.name]
            is_identifier = column.kind == "identifier"
            columns[column.name] = values if is_identifier else as_written(values, written)
        elif column.name in cells:
            columns[column.name], rows = parse_column(column, cells[column.name], written)
            unparsed += parsing_errors(column, written, rows)
    return columns, unparsed


def with_errors(checked: Checked, unparsed: list[ErrorGroup], schema: RecordSchema) -> Checked:
    """Add parsing errors; they replace the errors that the checks found in the same cells."""
    if not unparsed:
        return checked
    valid = checked.valid.copy()
    for group in unparsed:
        valid[group.rows] = False
    fields = [column.name for column in schema]
    groups = [*unparsed, *checked.errors.groups]
    errors = FieldErrors.first_of_each_cell(groups, fields, checked.n)
    return replace(checked, valid=valid, errors=errors)


def parse_column(
    column: Column, cells: pd.Series[Any], written: CellFormat
) -> tuple[pd.Series[Any], npt.NDArray[np.intp]]:
    """A column's values (n,), and the rows whose cells cannot be parsed."""
    if cells.dtype.kind in _TYPED[column.kind]:
        return as_written(cells, written), _NO_ROWS
    if column.kind in NUMERICAL and isinstance(cells.dtype, pd.StringDtype):
        texts = pa.array(cells)
        if isinstance(texts, pa.ChunkedArray):  # a column without rows has no chunk
            texts = texts.combine_chunks()
        numbers = read_numbers(texts, written)
        if numbers is not None:
            return pd.Series(numbers, index=cells.index), _NO_ROWS
    return _parse_cells(column, cells, written)


def _parse_cells(
    column: Column, cells: pd.Series[Any], written: CellFormat
) -> tuple[pd.Series[Any], npt.NDArray[np.intp]]:
    is_text = isinstance(cells.dtype, pd.StringDtype)
    if is_text and column.kind == "identifier":
        values, rows = parse_identifiers(pa.array(cells).to_pylist(), written)
        return pd.Series(values, index=cells.index, dtype=DTYPES["identifier"]), rows
    # distinct strings are parsed once; only strings, because pandas takes True and 1 as equal
    if is_text:
        codes, distinct = pd.factorize(cells, use_na_sentinel=False)
    else:
        codes, distinct = np.arange(len(cells)), cells
    values, unparsed = parse_distinct(column, distinct.tolist(), written)
    parsed = pd.Series(values, dtype=DTYPES[column.kind]).take(codes).set_axis(cells.index)
    return parsed, np.flatnonzero(unparsed[codes]) if unparsed.any() else _NO_ROWS


def parse_distinct(
    column: Column, cells: Sequence[Any], written: CellFormat
) -> tuple[list[Any], npt.NDArray[np.bool_]]:
    """The values of n cells, each parsed by itself, and a mask (n,) of those that cannot be.

    The value of a cell that is missing or cannot be parsed is None.
    """
    values = [_parse_cell(column, cell, written) for cell in cells]
    unparsed = np.array([value is _UNPARSED for value in values], dtype=bool)
    return [None if value is _UNPARSED else value for value in values], unparsed


def parse_identifiers(
    texts: Sequence[str | None], written: CellFormat
) -> tuple[list[str | None], npt.NDArray[np.intp]]:
    """Strings (n,) as ``_parse_cell`` parses identifiers, without a call for each.

    Returns the values (n,), and the rows of those that cannot be parsed.
    """
    if _are_identifiers(texts, written):
        return list(texts), _NO_ROWS
    values = [None if text is None or text.strip() in written.missing else text for text in texts]
    if _REPLACED not in "".join(filter(None, values)):
        return values, _NO_ROWS
    unparsed = [i for i, text in enumerate(values) if text is not None and _REPLACED in text]
    for row in unparsed:
        values[row] = None
    return values, np.array(unparsed, dtype=np.intp)


def _are_identifiers(texts: Sequence[str | None], written: CellFormat) -> bool:
    """Whether all strings (n,) are identifiers as they are."""
    present = [text for text in texts if text is not None]
    if len(present) < len(texts):
        return False
    return written.missing.isdisjoint(map(str.strip, present)) and _REPLACED not in "".join(present)


def _parse_cell(column: Column, cell: Any, written: CellFormat) -> Any:
    try:
        if isinstance(cell, str):
            if cell.strip() in written.missing:
                return None
        elif pd.isna(cell) or cell in written.missing:
            return None
        value = PARSERS[column.kind](cell, written)
    except (ValueError, TypeError, ArithmeticError):
        return _UNPARSED
    is_missing = value in written.missing_numbers or value in written.missing_dates
    return None if is_missing else value


def _parse_number(cell: Any, written: CellFormat) -> float:
    if not isinstance(cell, str):
        if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
            return float(cell)
        raise TypeError
    if written.number_format is not None:
        return written.number_format.parse(cell.strip())
    if "_" in cell or not cell.strip().isascii():  # only Python reads 1_000 and other digits
        raise ValueError
    if written.decimal != ".":
        if "." in cell:
            raise ValueError
        cell = cell.replace(written.decimal, ".")
    return float(cell)


def is_boolean(cells: pd.Series[Any]) -> bool:
    """Whether all cells (n,) of a column of strings are yes or no, or missing."""
    texts = set(cells.drop_duplicates().str.strip().str.lower()) - {
        name.lower() for name in MISSING
    }
    return bool(texts) and texts <= _TRUE | _FALSE


def _parse_boolean(cell: Any, written: CellFormat) -> bool:
    text = str(cell).strip().lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError


def _parse_level(cell: Any, written: CellFormat) -> str:
    return str(cell).strip()


_REPLACED = "\ufffd"
"""What readers replace bytes by that are not valid text."""


def _parse_identifier(cell: Any, written: CellFormat) -> str:
    if _REPLACED in str(cell):
        raise ValueError
    return str(cell)


def _parse_date(cell: Any, written: CellFormat) -> Any:
    return written.parse_date(cell.strip()) if isinstance(cell, str) else parse_date(cell)


_TYPED: dict[Kind, str] = {
    "integer": "iufb",
    "number": "iufb",
    "boolean": "iufb",
    "date": "M",
    "category": "",
    "identifier": "",
}
"""The numpy dtype kinds of columns that need no parsing."""

PARSERS: dict[Kind, Callable[[Any, CellFormat], Any]] = {
    "integer": _parse_number,
    "number": _parse_number,
    "boolean": _parse_boolean,
    "date": _parse_date,
    "category": _parse_level,
    "identifier": _parse_identifier,
}
DTYPES: dict[Kind, Any] = {
    "integer": np.float64,
    "number": np.float64,
    "boolean": "boolean",
    "date": object,
    "category": object,
    "identifier": object,
}
PARSING_ERRORS: dict[Kind, tuple[str, str]] = {
    "integer": ("int_parsing", "is not a number"),
    "number": ("float_parsing", "is not a number"),
    "boolean": ("bool_parsing", "is neither yes nor no"),
    "date": ("date_parsing", "is not a date such as 2026-01-31"),
    "category": ("string_type", "must be a string"),
    "identifier": ("string_unicode", "must be valid Unicode"),
}
"""The error of a cell that cannot be parsed: the rule's name and the message."""


def parsing_errors(
    column: Column, written: CellFormat, rows: npt.NDArray[np.intp]
) -> list[ErrorGroup]:
    """The error of the rows of a column that cannot be parsed; none if there are no such rows."""
    if not len(rows):
        return []
    return [ErrorGroup(column.name, *_parsing_error(column, written), rows)]


def _parsing_error(column: Column, written: CellFormat) -> tuple[str, str]:
    """The error of a column's cells that cannot be parsed, with the format that they should have.

    A formatted number is described by its format, because ``12.5`` may not be one.
    """
    rule, message = PARSING_ERRORS[column.kind]
    if written.number_format is not None:
        return rule, f"is not a number such as {written.number_format.name}"
    if written.date_format is not None:
        return rule, f"is not a date such as {written.date_format.name}"
    return rule, message
