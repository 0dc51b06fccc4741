"""CSV bodies, read as batch scoring reads CSV files: cells are parsed as the schema declares them.

The reader is Python's own in strict mode, because others accept a quotation mark that is never
closed, and so merge several customers into one. Without quotation marks, Arrow's gives the same
cells, and parses most numbers, in a fifth of the time; what it does not read is read again, which
also gives the error.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from churn_model.errors import FieldError, InvalidRecords
from churn_model.schema import RecordSchema
from churn_model.tables.arrow_table import check_arrow_texts
from churn_model.tables.cell_format import NUMERICAL
from churn_model.tables.descriptor import TableDescriptor
from churn_model.validation import Checked
from serving.api.requests import too_many_customers
from serving.api.table_columns import find_columns
from serving.http.errors import ApiError

_LONGEST_LINE = 2**20
"""Characters per line. A line of 16 MiB may have 16 million cells, which take 128 MiB."""

_UNEVEN = ("csv_row", "has more or fewer cells than the header")


def read_csv(
    body: bytes, schema: RecordSchema, max_rows: int, descriptor: TableDescriptor | None = None
) -> Checked:
    """The checked customers (n) of a CSV body with a header, in UTF-8.

    ``descriptor``: how the cells are written, by the names of the fields; None for the usual way.
    Raises ApiError 400 for a body that is not CSV or lacks a column, and 413 for more than
    ``max_rows`` customers; InvalidRecords for a row with more or fewer cells than the header.
    """
    written = descriptor or TableDescriptor.plain(schema)
    reader = csv.reader(_lines(body), strict=True)
    try:
        header = next(filter(None, reader), None)
        if header is None:
            raise ApiError(400, "the CSV has no header")
        positions = find_columns(header, schema)
        columns: Sequence[pa.Array] | None = None
        if _can_use_arrow(body, max_rows):
            read = partial(
                _read_with_arrow, body, reader.line_num, len(header), list(positions.values())
            )
            numbers = [positions[name] for name in _numbers(schema, written) if name in positions]
            columns = read(numbers, written.missing)
            if columns is None and numbers:  # perhaps a cell is not a number: read all as strings
                columns = read()
        if columns is None:
            texts = _read_columns(reader, len(header), list(positions.values()), max_rows)
            columns = [pa.array(cells, pa.string()) for cells in texts]
    except UnicodeDecodeError:
        raise ApiError(400, "the CSV must be encoded in UTF-8") from None
    except csv.Error as error:
        raise ApiError(400, f"the CSV is invalid in line {reader.line_num}: {error}") from None
    return check_arrow_texts(dict(zip(positions, columns, strict=True)), schema, written)


def _lines(body: bytes) -> Iterator[str]:
    """The lines with their ends, which are a line feed, a carriage return or both."""
    for line in io.TextIOWrapper(io.BytesIO(body), "utf-8-sig", newline=""):
        if len(line) > _LONGEST_LINE:
            raise ApiError(400, f"the CSV has a line of more than {_LONGEST_LINE} characters")
        yield line


def _can_use_arrow(body: bytes, max_rows: int) -> bool:
    """Whether Arrow reads a body as Python does, because each line feed ends a row.

    False for more than a header and ``max_rows`` lines, which Arrow would read to the last one, and
    for a line that may exceed Python's limit for a cell.
    """
    if b'"' in body or b"\0" in body:
        return False
    if b"\r" in body and body.count(b"\r") != body.count(b"\r\n"):
        return False
    if body.count(b"\n") + (not body.endswith(b"\n")) > max_rows + 1:
        return False
    if len(body) > csv.field_size_limit():
        ends = np.flatnonzero(np.frombuffer(body, np.uint8) == ord("\n"))
        if np.diff(ends, prepend=-1, append=len(body)).max() > csv.field_size_limit():
            return False
    try:
        body.decode()  # Arrow checks the columns that it converts only
    except UnicodeDecodeError:
        return False
    return True


def _numbers(schema: RecordSchema, written: TableDescriptor) -> list[str]:
    """The fields with cells that Arrow parses as this project does."""
    if written.csv.decimal != ".":
        return []
    special = {*written.formats, *written.missing_in}
    numerical = (column.name for column in schema if column.kind in NUMERICAL)
    return [name for name in numerical if name not in special]


def _read_with_arrow(
    body: bytes,
    header_lines: int,
    width: int,
    positions: Sequence[int],
    numbers: Sequence[int] = (),
    missing: Sequence[str] = (),
) -> list[pa.Array] | None:
    """The columns at these positions (n,) of a body that Arrow can read.

    ``header_lines``: how many lines the header takes, and ``width`` columns. ``numbers``: positions
    of columns that are parsed as floats, with ``missing`` strings; the others are strings. Returns
    None if a row has more or fewer cells than the header, if a cell is no number, and without rows.
    """
    names = [str(position) for position in range(width)]
    convert = pyarrow.csv.ConvertOptions(
        include_columns=[names[position] for position in positions],
        column_types=dict.fromkeys(names, pa.string())
        | {names[position]: pa.float64() for position in numbers},
        # cells are trimmed before they are compared, so none equals a string with blanks around it
        null_values=[text for text in missing if text == text.strip()],
    )
    parse = pyarrow.csv.ParseOptions(quote_char=False, double_quote=False)
    read = pyarrow.csv.ReadOptions(
        use_threads=False,
        block_size=len(body) + 1,
        skip_rows=header_lines,
        column_names=names,
        encoding="utf8",
    )
    try:
        # unlike ``read_csv``, it starts no thread for each call
        with pyarrow.csv.open_csv(pa.BufferReader(body), read, parse, convert) as reader:
            table = reader.read_all()
    except pa.ArrowInvalid:
        return None
    batches = table.combine_chunks().to_batches()
    return batches[0].columns if batches else None


def _read_columns(
    reader: Iterator[list[str]], width: int, positions: list[int], max_rows: int
) -> list[tuple[str, ...]]:
    """The cells (n,) of the columns at these positions; empty lines are skipped."""
    select: Any = itemgetter(*positions)
    rows: list[Any] = []
    for row in reader:
        if len(row) != width:
            if not row:
                continue
            raise InvalidRecords([FieldError(len(rows), "", *_UNEVEN)])
        if len(rows) == max_rows:
            raise too_many_customers(max_rows)
        rows.append(select(row))
    if len(positions) == 1:
        return [tuple(rows)]
    return list(zip(*rows, strict=True)) if rows else [()] * len(positions)
