"""Reads and writes files and tables with Spark; no types are inferred."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name
from pyspark.sql.types import BinaryType, StringType, StructField, StructType

from batch.job import Job
from batch.spark_columns import column_of, folder_columns, read_lines
from batch.spark_csv import QUOTES, read_csv
from churn_model.tables.reading.checked_rows import RULES
from churn_model.tables.reading.file_names import check_names
from churn_model.tables.reading.row_checker import LINE

_TIMES = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
"""Times in text with their microseconds, which Spark cuts off."""


def read(spark: SparkSession, job: Job) -> tuple[DataFrame, tuple[str, ...]]:
    """The input: CSV columns as strings, JSON as lines, other formats with their own types.

    Also returns the columns that come from folders ``column=value``, whose values are strings.
    """
    if job.source_format == "table":
        return spark.table(job.source), ()
    check_names(job.source)
    with _untyped_folders(spark):
        if job.source_format == "json":
            lines = read_lines(spark, job.source)
            filled = lines.where(F.col(LINE).rlike(r"\S"))  # of bytes, which need not be UTF-8
            folders = folder_columns(spark.read.text(job.source))
            return filled.select(F.col(LINE).cast("binary").alias(LINE)), folders
        if job.source_format == "parquet":
            # without the option, Spark reads only the columns that one of the files has
            rows = spark.read.option("mergeSchema", "true").parquet(job.source)
            return rows, folder_columns(rows)
        return read_csv(spark, job.source, job.checker.descriptor.csv)


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


def write(frame: DataFrame, job: Job, target: str) -> None:
    """Write rows to a folder or table."""
    kind = job.target_format
    if kind == "csv":
        frame = frame.select(*(_csv_cell(field) for field in frame.schema.fields))
    writer = frame.write.mode("error")
    if job.partition_by:
        writer = writer.partitionBy(*job.partition_by)
    if kind == "table":
        writer.saveAsTable(target)
    elif kind == "csv":
        writer.options(header="true", quote='"', escape='"', **_TIMES).csv(target)
    else:
        writer.options(**_TIMES).format(kind).save(target)


def _csv_cell(field: StructField) -> Any:
    column = column_of(field.name)
    if field.name == "reasons":
        return F.to_json(column).alias(field.name)
    return F.base64(column).alias(field.name) if field.dataType == BinaryType() else column


def no_rows(spark: SparkSession, schema: StructType) -> DataFrame:
    """A table without rows, for which Spark starts no Python worker."""
    session: Any = spark
    java = session._jvm
    types = java.org.apache.spark.sql.types.DataType.fromJson(schema.json())
    return DataFrame(
        session._jsparkSession.createDataFrame(java.java.util.ArrayList(), types), spark
    )


def count_written(spark: SparkSession, job: Job, target: str, schema: StructType) -> int:
    """How many rows are in a folder or table that was written.

    The footers of Parquet files on this machine are read without Spark, whose jobs take longer.
    """
    folder = target.removeprefix("file://")
    if job.target_format == "parquet" and "://" not in folder:
        files = Path(folder).rglob("part-*.parquet")
        return sum(pyarrow.parquet.read_metadata(file).num_rows for file in files)
    return written_rows(spark, job, target, schema).count()


def written_rows(spark: SparkSession, job: Job, target: str, schema: StructType) -> DataFrame:
    """The rows of a folder or table that was written, without the partition columns of a folder."""
    kind = job.target_format
    if kind == "table":
        return spark.table(target)
    columns = [field for field in schema.fields if field.name not in job.partition_by]
    if kind == "csv":
        columns = [StructField(field.name, StringType()) for field in columns]
    reader = spark.read.schema(StructType(columns)).option("recursiveFileLookup", "true")
    if kind == "csv":
        reader = reader.options(header="true", **QUOTES)
    return reader.format(kind).load(target)


def rejected_rules(
    spark: SparkSession, job: Job, target: str, schema: StructType
) -> dict[str, int]:
    """How often each rule was broken, counted in the rejected rows that were written."""
    rows = written_rows(spark, job, target, schema)
    rules = rows.select(F.explode(F.split(RULES, ";")).alias("rule")).groupBy("rule").count()
    return {row["rule"]: row["count"] for row in rules.collect()}
