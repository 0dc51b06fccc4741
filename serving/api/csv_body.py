"""CSV bodies, read as batch scoring reads CSV files: cells are parsed as the schema declares them.

The reader is Python's own in strict mode, because others accept a quotation mark that is never
closed, and so merge several customers into one. Without quotation marks, Arrow's gives the same
cells in a fifth of the time; what it does not read is read again, which also gives the error.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.csv

from churn_model.errors import FieldError, InvalidRecords
from churn_model.schema import RecordSchema
from churn_model.tables.arrow_table import check_arrow_texts
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
    reader = csv.reader(_lines(body), strict=True)
    try:
        header = next(filter(None, reader), None)
        if header is None:
            raise ApiError(400, "the CSV has no header")
        positions = find_columns(header, schema)
        columns = _read_plain(body, header, list(positions.values()), max_rows)
        if columns is None:
            texts = _read_columns(reader, len(header), list(positions.values()), max_rows)
            columns = [pa.array(cells, pa.string()) for cells in texts]
    except UnicodeDecodeError:
        raise ApiError(400, "the CSV must be encoded in UTF-8") from None
    except csv.Error as error:
        raise ApiError(400, f"the CSV is invalid in line {reader.line_num}: {error}") from None
    cells = dict(zip(positions, columns, strict=True))
    return check_arrow_texts(cells, schema, descriptor or TableDescriptor.plain(schema))


def _lines(body: bytes) -> Iterator[str]:
    """The lines with their ends, which are a line feed, a carriage return or both."""
    for line in io.TextIOWrapper(io.BytesIO(body), "utf-8-sig", newline=""):
        if len(line) > _LONGEST_LINE:
            raise ApiError(400, f"the CSV has a line of more than {_LONGEST_LINE} characters")
        yield line


def _read_plain(
    body: bytes, header: list[str], positions: list[int], max_rows: int
) -> list[pa.Array] | None:
    """As ``_read_columns``, all columns (n,) of a body without quotation marks.

    None for other bodies and for those that may be invalid.
    """
    if b'"' in body or b"\0" in body or not _has_plain_lines(body, max_rows):
        return None
    names = [str(position) for position in range(len(header))]
    convert = pyarrow.csv.ConvertOptions(
        include_columns=[names[position] for position in positions],
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[],
    )
    parse = pyarrow.csv.ParseOptions(quote_char=False, double_quote=False)
    read = pyarrow.csv.ReadOptions(
        use_threads=False, block_size=len(body) + 1, column_names=names, encoding="utf8"
    )
    try:
        body.decode()  # Arrow checks the columns that it converts only
        table = pyarrow.csv.read_csv(pa.BufferReader(body), read, parse, convert)
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return None
    if len(table) < 2:
        return None
    # the first row is the header
    return [column.combine_chunks().slice(1) for column in table.columns]


def _has_plain_lines(body: bytes, max_rows: int) -> bool:
    """Whether all lines end in a line feed, and none exceeds Python's limit for a cell.

    False for more than a header and ``max_rows`` lines, which Arrow would read to the last one.
    """
    if b"\r" in body and body.count(b"\r") != body.count(b"\r\n"):
        return False
    if body.count(b"\n") + (not body.endswith(b"\n")) > max_rows + 1:
        return False
    return max(map(len, body.split(b"\n"))) < csv.field_size_limit()


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
