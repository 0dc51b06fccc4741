"""Reads and writes files and tables with Spark; no types are inferred."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name
from pyspark.sql.types import StringType, StructField, StructType

from batch.job import Job
from batch.row_checker import LINE, RULES
from batch.spark_columns import folder_columns
from batch.spark_csv import QUOTES, read_csv


def read(spark: SparkSession, job: Job) -> tuple[DataFrame, tuple[str, ...]]:
    """The input: CSV columns as strings, JSON as lines, other formats with their own types.

    Also returns the columns that come from folders ``column=value``, whose values are strings.
    """
    if job.source_format == "table":
        return spark.table(job.source), ()
    with _untyped_folders(spark):
        if job.source_format == "json":
            lines = spark.read.option("lineSep", "\n").text(job.source)
            filled = lines.where(F.col(LINE).rlike(r"\S"))  # of bytes, which need not be UTF-8
            return filled.select(F.col(LINE).cast("binary").alias(LINE)), folder_columns(lines)
        if job.source_format == "parquet":
            rows = spark.read.parquet(job.source)
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
    if kind == "csv" and "reasons" in frame.columns:
        frame = frame.withColumn("reasons", F.to_json("reasons"))
    writer = frame.write.mode("error")
    if job.partition_by:
        writer = writer.partitionBy(*job.partition_by)
    if kind == "table":
        writer.saveAsTable(target)
    elif kind == "csv":
        writer.options(header="true", quote='"', escape='"').csv(target)
    else:
        writer.format(kind).save(target)


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
