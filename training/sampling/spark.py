"""Reads a table with Spark: the executors count and check, and only the samples are collected."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from churn_model.errors import TableError
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.reading.csv_detection import detect_source_format
from churn_model.tables.reading.locations import format_of_files, is_url
from churn_model.tables.reading.source import FileFormat
from pyfunc.spark_batches import map_batches, map_partitions, numbered
from pyfunc.spark_errors import reading_errors
from pyfunc.spark_source import read_source
from training.sampling.checked import CheckedPart, Checker
from training.sampling.design import RARE, buckets_of, end_of
from training.sampling.files import name_of, reject_delta
from training.sampling.first_reading import (
    INFERENCE_ROWS,
    FirstReading,
    in_order,
    key_name,
    may_mean,
)
from training.sampling.hashes import Hashes, customer_hashes
from training.sampling.overview import Columns, Overview, labels_of
from training.sampling.raw_rows import named_columns

_FILES = (".csv", ".parquet", ".pq", ".gz")

T = TypeVar("T")


@dataclass(frozen=True)
class SparkReader:
    """Reads a table of Spark's catalog, or files. ``columns``: their names, without blanks."""

    spark: SparkSession
    path: str
    csv: CsvFormat
    rows: DataFrame
    columns: Sequence[str]

    @classmethod
    def open(cls, spark: SparkSession, path: str | Path, declared: CsvFormat) -> SparkReader:
        """Find the table. ``declared``: the [csv] table of a descriptor. Raises TableError."""
        text = str(path)
        kind = kind_of(text)
        csv = declared
        with reading_errors(text):
            if kind != "table":
                reject_delta(text)
            if kind == "csv" and (not is_url(text) or text.startswith("file://")):
                csv = detect_source_format(text, declared)
            rows = _rows(spark, text, kind, csv)
        return cls(spark, text, csv, rows, list(named_columns(rows.columns)))

    @property
    def name(self) -> str:
        """The name of the table in the catalog, or of the file or folder."""
        is_table = kind_of(self.path) == "table"
        return self.path.rpartition(".")[2].strip("`") if is_table else name_of(self.path)

    def read_first(self, columns: Columns, wanted: Sequence[str], most: int) -> FirstReading:
        """Count the rows, and collect some. Raises TableError."""
        overview = self._overview(columns)
        if not overview.rows:
            raise TableError(f"{self.path}: has no rows")
        end = end_of(overview.all_rows, INFERENCE_ROWS)
        table, hashes = self._first_rows(columns.key, end)
        labels = may_mean(list(overview.by_label), wanted)
        churned = sum(overview.label_counts[value] for value in labels)
        churners: dict[str, Hashes] = {}
        if overview.rows > most and churned < RARE * overview.rows:
            for value in labels:
                churners[value] = self._churners(
                    columns, value, end_of(overview.by_label[value], most)
                )
        return FirstReading(overview, table, hashes, churners)

    def _overview(self, columns: Columns) -> Overview:
        def count(batches: Iterator[pa.RecordBatch]) -> Overview:
            part = Overview(columns)
            for rows in batches:
                hashes = customer_hashes(rows, key_name(rows, columns.key))
                part.count(rows, hashes, labels_of(rows, columns.target))
            return part

        overview = Overview(columns)
        for part in self._parts(count):
            overview.add(part)
        return overview

    def _first_rows(self, key: str, end: int) -> tuple[pa.Table, Hashes]:
        """The rows of the customers in the first ``end`` buckets, and the customers' hashes."""

        def first(rows: pa.RecordBatch) -> pa.RecordBatch:
            hashes = customer_hashes(rows, key_name(rows, key))
            kept = rows.filter(pa.array(buckets_of(hashes) < end))
            return pa.RecordBatch.from_arrays(kept.columns, names=plain)

        plain = [f"column_{i}" for i in range(len(self.rows.columns))]
        with reading_errors(self.path):
            found = self._mapped(first, self._numbered().schema).toArrow()
        found = found.rename_columns(self.rows.columns).combine_chunks()
        batches = found.to_batches()
        batches = batches or [pa.RecordBatch.from_pylist([], schema=found.schema)]
        return in_order(batches, [customer_hashes(rows, key_name(rows, key)) for rows in batches])

    def _churners(self, columns: Columns, value: str, end: int) -> Hashes:
        """The hashes in the first ``end`` buckets of the customers with a label."""

        def hashes_of(rows: pa.RecordBatch) -> pa.RecordBatch:
            hashes = customer_hashes(rows, key_name(rows, columns.key))
            labels = labels_of(rows, columns.target)
            codes = [code for code, label in enumerate(labels.values) if label == value]
            chosen = hashes[np.isin(labels.codes, codes) & (buckets_of(hashes) < end)]
            return pa.RecordBatch.from_pydict({"hash": np.unique(chosen).view(np.int64)})

        with reading_errors(self.path):
            found = self._mapped(hashes_of, "hash long").distinct().toArrow()
        values: Any = found.column("hash").to_numpy()
        return np.sort(values.view(np.uint64))

    def check(self, checker: Checker) -> CheckedPart:
        """Check all rows, and collect the sampled ones. Raises TableError."""

        def check(batches: Iterator[pa.RecordBatch]) -> CheckedPart:
            part = CheckedPart()
            for rows in batches:
                part.add(checker(rows))
            return part

        whole = CheckedPart()
        for part in self._parts(check):
            # Spark's rows have no numbers
            part.rejected = [rejected.assign(row=-1) for rejected in part.rejected]
            whole.add(part)
        return whole

    def _parts(self, function: Callable[[Iterator[pa.RecordBatch]], T]) -> Iterator[T]:
        """The result of a function for each partition, computed by the executors."""

        def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            filled = (rows for rows in batches if rows.num_rows)
            content = zlib.compress(pickle.dumps(function(filled)), 1)
            yield pa.RecordBatch.from_pydict({"part": pa.array([content], pa.binary())})

        with reading_errors(self.path):
            parts = map_partitions(
                run, self._numbered(), self.rows.columns, "part binary"
            ).collect()
        for part in parts:
            yield pickle.loads(zlib.decompress(part["part"]))

    def _mapped(
        self, function: Callable[[pa.RecordBatch], pa.RecordBatch], schema: Any
    ) -> DataFrame:
        return map_batches(function, self._numbered(), self.rows.columns, schema)

    def _numbered(self) -> DataFrame:
        return numbered(self.rows, self.rows.columns)


def _rows(
    spark: SparkSession, path: str, kind: FileFormat | Literal["table"], csv: CsvFormat
) -> DataFrame:
    try:
        rows, _ = read_source(spark, path, kind, csv)
    except AnalysisException as error:
        if kind == "table" and error.getCondition() == "TABLE_OR_VIEW_NOT_FOUND":
            raise TableError(
                f"{path}: no such file or folder, and no such table in Spark's catalog"
            ) from None
        raise
    return rows


def kind_of(path: str) -> FileFormat | Literal["table"]:
    """The format of files, or ``table`` for a name in Spark's catalog.

    A name without a slash or the suffix of a file is a table, unless there is such a file.
    """
    is_file = "/" in path or PurePosixPath(path.lower()).suffix in _FILES or Path(path).exists()
    if not is_file or path.startswith("delta.`"):
        return "table"
    return format_of_files(path)
