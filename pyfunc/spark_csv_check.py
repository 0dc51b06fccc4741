"""Checks the headers and quotes of CSV files with Spark, which does not report them.

Spark takes the names of all columns from the header of one file, and gives them to the cells of the
other files in their order. A quote that is never closed makes the rest of a file one cell.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import unquote

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name

from churn_model.errors import TableError
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.reading.csv_files import check_same_header
from churn_model.tables.reading.csv_quotes import QuoteCheck
from churn_model.tables.reading.csv_stream import Utf8Decoder
from pyfunc.spark_columns import read_lines

_METADATA = ("file_path", "file_block_start", "file_block_length", "file_size")
_UNSPLIT = str(1 << 50)
_SPLITS = ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes")


def check_files(spark: SparkSession, source: str, csv_format: CsvFormat) -> list[str]:
    """The header that all files have.

    Raises TableError if there is none, if two differ, or for a quote that is not closed.
    """

    def check(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        results = _check_partition(batches, csv_format)
        yield pa.RecordBatch.from_pylist(
            [dict(zip(_RESULT.names, result, strict=True)) for result in results], schema=_RESULT
        )

    with _files_unsplit(spark):
        lines = read_lines(spark, source)
        metadata = (F.col(f"_metadata.{name}") for name in _METADATA)
        columns = lines.select(F.col("value").cast("binary").alias("line"), *metadata)
        found = columns.mapInArrow(check, "file string, header string, error string").collect()
    results = sorted((row["file"], row["header"], row["error"]) for row in found)
    for _, _, error in results:
        if error:
            raise TableError(error)
    headers = [(file, json.loads(header)) for file, header, _ in results if header != "[]"]
    if not headers:
        raise TableError(f"{source}: contains no csv file with a header")
    for file, header in headers:
        check_same_header(*headers[0], file, header)
    return list(headers[0][1])


@contextmanager
def _files_unsplit(spark: SparkSession) -> Iterator[None]:
    """Let each file be read by one task, as it will be when Spark parses it."""
    before = {name: spark.conf.get(name) for name in _SPLITS}
    for name in _SPLITS:
        spark.conf.set(name, _UNSPLIT)
    try:
        yield
    finally:
        for name, value in before.items():
            spark.conf.set(name, str(value))


_RESULT = pa.schema([(name, pa.string()) for name in ("file", "header", "error")])


class _File:
    """What is known of a file whose lines are read one after another."""

    def __init__(self, path: str, csv_format: CsvFormat) -> None:
        self.path = path
        self._name = unquote(re.sub("^file:/+", "/", path))
        self._separator = csv_format.separator
        self._decoder = Utf8Decoder(self._name, csv_format.encoding)
        self._quotes = QuoteCheck(self._name, csv_format.separator)
        self._header: list[str] = []
        self._error = ""
        self._before = b""

    def add(self, lines: list[bytes]) -> None:
        """Check the next lines; an error is kept."""
        block = self._before + b"\n".join(lines)
        self._before = b"\n"
        self._check(block, final=False)

    def result(self) -> tuple[str, str, str]:
        """The file's name, its header as JSON, and what is wrong with it."""
        self._check(b"", final=True)
        return self._name, json.dumps(self._header), self._error

    def _check(self, block: bytes, final: bool) -> None:
        if self._error:
            return
        try:
            decoded = self._decoder.decode(block, final)
            if not self._header:
                rows = csv.reader(decoded.decode().splitlines(True), delimiter=self._separator)
                self._header = next((row for row in rows if row), [])
            self._quotes.add(decoded)
            if final:
                self._quotes.finish()
        except TableError as error:
            self._error = str(error)
        except csv.Error as error:
            self._error = f"{self._name}: cannot be read as csv ({error})"


def _check_partition(
    batches: Iterable[pa.RecordBatch], csv_format: CsvFormat
) -> Iterator[tuple[str, str, str]]:
    """The results of the files of a partition; a file that Spark has split is not checked."""
    file: _File | None = None
    for batch in batches:
        for path, lines in _by_file(batch):
            if file is None or path != file.path:
                if file is not None:
                    yield file.result()
                file = _File(path, csv_format)
            file.add(lines)
    if file is not None:
        yield file.result()


def _by_file(batch: pa.RecordBatch) -> Iterator[tuple[str, list[bytes]]]:
    """The lines of each file that is read as a whole."""
    lines, paths, starts, lengths, sizes = (column for column in batch.columns)
    ends = pa.compute.run_end_encode(paths).run_ends.to_pylist()
    for start, end in zip([0, *ends], ends, strict=False):
        whole = starts[start].as_py() == 0 and lengths[start] == sizes[start]
        if whole:
            yield paths[start].as_py(), lines.slice(start, end - start).to_pylist()
