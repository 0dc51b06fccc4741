"""Reads files and catalog tables with Spark; no types are inferred."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name

from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.reading.file_names import check_names
from churn_model.tables.reading.row_checker import LINE
from churn_model.tables.reading.source import FileFormat
from pyfunc.spark_columns import folder_columns, read_lines
from pyfunc.spark_csv import read_csv


def read_source(
    spark: SparkSession, source: str, kind: FileFormat | Literal["table"], csv: CsvFormat
) -> tuple[DataFrame, tuple[str, ...]]:
    """The rows: CSV columns as strings, JSON as lines, other formats with their own types.

    Also returns the columns that come from folders ``column=value``, whose values are strings.
    """
    if kind == "table":
        return spark.table(source), ()
    check_names(source)
    with _untyped_folders(spark):
        if kind == "json":
            lines = read_lines(spark, source)
            filled = lines.where(F.col(LINE).rlike(r"\S"))  # of bytes, which need not be UTF-8
            folders = folder_columns(spark.read.text(source))
            return filled.select(F.col(LINE).cast("binary").alias(LINE)), folders
        if kind == "parquet":
            # without the option, Spark reads only the columns that one of the files has
            rows = spark.read.option("mergeSchema", "true").parquet(source)
            return rows, folder_columns(rows)
        return read_csv(spark, source, csv)


@contextmanager
def _untyped_folders(spark: SparkSession) -> Iterator[None]:
    """Spark would read the folder ``customer_id=007`` as the number 7."""
    option = "spark.sql.sources.partitionColumnTypeInference.enabled"
    before = spark.conf.get(option)
    spark.conf.set(option, "false")
    try:
        yield
    finally:
        spark.conf.set(option, str(before))
