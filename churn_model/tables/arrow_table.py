"""Parses and checks tables whose columns are Arrow's, most of them without pandas.

A column of pandas takes longer to make than the cells of a thousand customers to check. What is
rare is left to the parser of pandas columns, whose results are the same for all columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from churn_model.arrays import Array
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.cell_format import NUMERICAL, CellFormat
from churn_model.tables.descriptor import TableDescriptor
from churn_model.tables.number_texts import read_numbers, without_missing
from churn_model.tables.texts import (
    parse_column,
    parse_distinct,
    parse_identifiers,
    parsing_errors,
    with_errors,
)
from churn_model.tables.typed import as_written, to_series
from churn_model.tables.utf8 import plain_strings
from churn_model.validation import Checked, check_cells
from churn_model.validation.cells import Cells, Problem, absent, identifier_cells
from churn_model.validation.field_errors import ErrorGroup
from churn_model.validation.objects import read_objects
from churn_model.validation.series import arrow_levels, read_numerical, read_series


def check_arrow_texts(
    columns: Mapping[str, pa.Array], schema: RecordSchema, descriptor: TableDescriptor
) -> Checked:
    """Check the columns (field -> n cells) of a table of strings as ``check_texts`` does.

    Columns of floats are allowed too: numbers that the CSV reader has parsed.
    """

    def is_text(field: str) -> bool:
        return bool(columns[field].type != pa.float64())

    return check_arrow_columns(columns, schema, descriptor, is_text)


def check_arrow(
    columns: Mapping[str, pa.Array], schema: RecordSchema, descriptor: TableDescriptor
) -> Checked:
    """Check the plain columns (field -> n cells) of a table with types as ``check_texts`` does.

    Strings in a column with a format of its own are parsed as text.
    """
    return check_arrow_columns(columns, schema, descriptor, lambda _: False)


def listed_identifiers(_: Column, array: pa.Array) -> Cells:
    """Identifiers (n,) as a list of Python strings, as replies repeat them."""
    return identifier_cells(array.to_pylist())  # valid Unicode, as Arrow contained them


def check_arrow_columns(
    columns: Mapping[str, pa.Array],
    schema: RecordSchema,
    descriptor: TableDescriptor,
    is_text: Callable[[str], bool],
    identifiers: Callable[[Column, pa.Array], Cells] = listed_identifiers,
) -> Checked:
    """Check the columns (field -> n cells), those of text and those with types.

    ``is_text``: whether the cells of a field are parsed as text also if the column has no format
    of its own. ``identifiers``: reads strings that are not parsed. In columns of categories,
    strings need not be valid UTF-8.
    """
    n = len(next(iter(columns.values())))
    unparsed: list[ErrorGroup] = []

    def read(column: Column) -> Cells:
        if column.name not in columns:
            return absent(column, n)
        array, written = columns[column.name], CellFormat.of(column, descriptor)
        is_formatted = written.is_formatted and _has_strings(array)
        if not (is_formatted or is_text(column.name)):
            if column.kind == "identifier" and _has_strings(array):
                return identifiers(column, array)
            return _read_typed(column, array, written)
        cells, rows = _read_texts(column, array, written)
        unparsed.extend(parsing_errors(column, written, rows))
        return cells

    return with_errors(check_cells(read, n, schema), unparsed, schema)


def _read_texts(column: Column, array: pa.Array, written: CellFormat) -> tuple[Cells, Array]:
    """A column of strings (n,), and the rows whose cells cannot be parsed."""
    if column.kind in NUMERICAL:
        numbers = read_numbers(array, written)
        if numbers is not None:
            return read_numerical(column, numbers), _NO_ROWS
        # each cell is parsed by itself
        series = pd.Series(pd.array(array, dtype=pd.StringDtype("pyarrow")))
        values, rows = parse_column(column, series, written)
        return read_series(column, values), rows
    if column.kind == "identifier":
        identifiers, rows = parse_identifiers(array.to_pylist(), written)
        return identifier_cells(identifiers), rows
    listed = _listed(column, array, written)
    if listed is not None:
        return listed, _NO_ROWS
    codes, distinct = _encode(plain_strings(array))
    values, unparsed = parse_distinct(column, distinct, written)
    return _repeated(column, values, codes), np.flatnonzero(unparsed[codes])


def _read_typed(column: Column, array: pa.Array, written: CellFormat) -> Cells:
    """A column (n,) that is not parsed."""
    if column.kind == "category" and _has_strings(array):
        listed = _listed(column, array, written)
        if listed is not None:
            return listed
        codes, distinct = _encode(plain_strings(array))
        trimmed = pc.utf8_trim_whitespace(pa.array(distinct, pa.string())).to_pylist()
        values = [
            None if mark in written.missing else text
            for text, mark in zip(distinct, trimmed, strict=True)
        ]
        return _repeated(column, values, codes)
    if column.kind in NUMERICAL and array.type == pa.float64():
        floats = array.to_numpy(zero_copy_only=False)
        return read_numerical(column, without_missing(floats, written))
    if column.kind in NUMERICAL and array.type == pa.int64() and not array.null_count:
        integers = array.to_numpy()
        if not (written.missing_numbers and np.isin(integers, written.missing_numbers).any()):
            return read_numerical(column, integers)
    if column.kind == "boolean" and array.type == pa.bool_():
        return read_numerical(column, array.cast(pa.float64()).to_numpy(zero_copy_only=False))
    return read_series(column, as_written(to_series(array), written))


def _has_strings(array: pa.Array) -> bool:
    return array.type in (pa.string(), pa.large_string())


def _listed(column: Column, array: pa.Array, written: CellFormat) -> Cells | None:
    """A category's cells (n,) if each of the strings is one of its levels or null.

    None for other kinds of columns, for strings that are no levels, and if a level would be read in
    another way, because it has blanks around it or means a missing value.
    """
    if column.kind != "category" or not written.missing.isdisjoint(column.levels):
        return None
    if any(level != level.strip() for level in column.levels):
        return None
    codes, missing, are_levels = arrow_levels(column, array)
    if not are_levels:
        return None
    texts = None
    if column.allows_unlisted:
        texts = np.array([*column.levels, None], dtype=object).take(codes, mode="wrap")
    return Cells(codes, missing, texts=texts)


def _encode(array: pa.Array) -> tuple[Array, list[Any]]:
    """Strings (n,) as positions (n,) in a list of the distinct ones, with None for missing."""
    encoded = array.dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    if array.null_count:
        return encoded.indices.fill_null(len(distinct)).to_numpy(), [*distinct, None]
    return encoded.indices.to_numpy(), distinct


def _repeated(column: Column, distinct: Sequence[Any], codes: Array) -> Cells:
    """The cells (n,) of a column whose distinct values are Python's, one for each code (n,)."""
    cells = read_objects(column, distinct)
    missing = None if cells.missing is None else cells.missing.take(codes)
    problems = [
        Problem(np.flatnonzero(np.isin(codes, problem.rows)), problem.rule)
        for problem in cells.problems
    ]
    texts = None
    if cells.texts is not None:
        texts = np.array([*distinct, None], dtype=object).take(codes)
    return Cells(cells.values.take(codes), missing, problems, texts)


_NO_ROWS = np.array([], dtype=np.intp)
