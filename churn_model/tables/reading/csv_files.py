"""Reads CSV files as columns of strings: cells are neither inferred nor converted."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv

from churn_model.errors import TableError
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.reading.csv_stream import LONGEST, CsvStream
from churn_model.tables.reading.row_checker import CORRUPT


class CsvFile:
    """A CSV file, read from streams of its decompressed bytes.

    The methods raise TableError for a file that is not CSV in the format, and OSError.
    """

    def __init__(self, name: str, csv_format: CsvFormat) -> None:
        self.name = name
        self._format = csv_format
        self._uneven: deque[str] = deque()  # pyarrow parses in another thread

    def header(self, stream: Any) -> list[str]:
        """The names of the columns; none if the file is empty."""
        text = CsvStream(self.name, stream, self._format)
        if text.is_empty:
            return []
        names: list[str] = self._open(text).schema.names
        check_header(self.name, names)
        return names

    def batches(self, stream: Any, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows: a column of strings for each name, and CORRUPT.

        Invalid bytes become U+FFFD. A row with more or fewer cells than the header is only in
        CORRUPT, which is null for all others.
        """
        self._uneven.clear()
        schema = pa.schema([(name, pa.string()) for name in names])
        convert = pyarrow.csv.ConvertOptions(
            column_types=schema, strings_can_be_null=False, null_values=[]
        )
        text = CsvStream(self.name, stream, self._format)
        reader = self._open(text, convert)
        while (batch := self._next(reader, text)) is not None:
            yield from self._with_uneven(batch)
        yield from self._with_uneven(pa.RecordBatch.from_pylist([], schema=schema))

    def _open(self, text: CsvStream, convert: Any = None) -> Any:
        parse = pyarrow.csv.ParseOptions(
            delimiter=self._format.separator,
            newlines_in_values=True,
            invalid_row_handler=self._keep_uneven,
        )
        read = pyarrow.csv.ReadOptions(block_size=LONGEST)
        try:
            return pyarrow.csv.open_csv(pa.PythonFile(text, "r"), read, parse, convert)
        except pa.ArrowException as error:
            raise text.explain(error) from None

    def _next(self, reader: Any, text: CsvStream) -> pa.RecordBatch | None:
        try:
            return reader.read_next_batch()
        except StopIteration:
            return None
        except pa.ArrowException as error:
            raise text.explain(error) from None

    def _keep_uneven(self, row: Any) -> str:
        self._uneven.append(row.text)
        return "skip"

    def _with_uneven(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """A batch with the uneven rows appended that were found meanwhile."""
        rows = taken(self._uneven)
        if not batch.num_rows and not rows:
            return
        arrays = [pa.concat_arrays([c, pa.nulls(len(rows), c.type)]) for c in batch.columns]
        whole_rows = pa.nulls(batch.num_rows, pa.string())
        corrupt = pa.concat_arrays([whole_rows, pa.array(rows, pa.string())])
        yield pa.RecordBatch.from_arrays([*arrays, corrupt], names=[*batch.schema.names, CORRUPT])


def taken(rows: deque[str]) -> list[str]:
    """Remove the rows that are there, while other threads may add more."""
    return [rows.popleft() for _ in range(len(rows))]


def check_header(source: str, names: Sequence[str]) -> None:
    """Raise TableError for the reserved column of corrupt rows, and for a duplicate column."""
    if CORRUPT in names:
        raise TableError(f"{source}: column {CORRUPT!r} is reserved for corrupt rows; rename it")
    for name, count in Counter(names).items():
        if count > 1:
            raise TableError(f"{source}: column {name!r} occurs {count} times; keep one")


def check_same_header(first: str, names: Sequence[str], other: str, others: Sequence[str]) -> None:
    """Raise TableError if two files of a table have different headers."""
    if list(names) != list(others):
        raise TableError(
            f"{other}: its header differs from that of {first}; all files of a table need the "
            "same columns in the same order"
        )
