"""Reads and writes files and tables with Spark; no types are inferred."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name
from pyspark.sql.types import BinaryType, StringType, StructField, StructType

from batch.job import Job
from churn_model.tables.reading.checked_rows import RULES
from pyfunc.spark_columns import column_of
from pyfunc.spark_csv import QUOTES
from pyfunc.spark_source import read_source

_TIMES = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
"""Times in text with their microseconds, which Spark cuts off."""


def read(spark: SparkSession, job: Job) -> tuple[DataFrame, tuple[str, ...]]:
    """The input, and the columns that come from folders, as ``read_source`` reads it."""
    return read_source(spark, job.source, job.source_format, job.checker.descriptor.csv)


def write(frame: DataFrame, job: Job, target: str, *, append: bool = False) -> None:
    """Write rows to a new folder or table, or to one that exists."""
    kind = job.target_format
    if kind == "csv":
        frame = frame.select(*(_csv_cell(field) for field in frame.schema.fields))
    writer = frame.write.mode("append" if append else "error")
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
