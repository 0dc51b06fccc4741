"""Reads and writes files and tables with Spark; no types are inferred."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name
from pyspark.sql.types import StringType, StructField, StructType

from batch.job import Job
from batch.reading import check_reserved
from batch.row_checker import CORRUPT, LINE, RULES

_QUOTES = {"quote": '"', "escape": '"', "multiLine": "true"}


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
            return filled.select(F.col(LINE).cast("binary").alias(LINE)), _folder_columns(lines)
        if job.source_format == "parquet":
            rows = spark.read.parquet(job.source)
            return rows, _folder_columns(rows)
        return _read_csv(spark, job)


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


def _folder_columns(rows: DataFrame) -> tuple[str, ...]:
    plan: Any = rows._jdf.queryExecution().analyzed()
    return tuple(plan.relation().partitionSchema().fieldNames())


def _read_csv(spark: SparkSession, job: Job) -> tuple[DataFrame, tuple[str, ...]]:
    descriptor = job.checker.descriptor.csv
    encoding = descriptor.encoding.lower().replace("utf-8-sig", "utf-8")
    reader = spark.read.options(
        sep=descriptor.separator, encoding=encoding, header="true", inferSchema="false", **_QUOTES
    )
    plain = reader.csv(job.source)
    names, folders = plain.columns, _folder_columns(plain)
    check_reserved(job.source, names)
    schema = StructType()
    for name in (*names, CORRUPT):
        schema = schema.add(name, StringType())
    reader = reader.options(mode="PERMISSIVE", columnNameOfCorruptRecord=CORRUPT, nullValue="")
    rows = reader.schema(schema).csv(job.source)
    intact, empty = F.col(CORRUPT).isNull(), F.lit("")  # Spark reads an empty cell as null
    cells = (
        column_of(name)
        if name in folders
        else F.when(intact, F.coalesce(column_of(name), empty)).alias(name)
        for name in names
    )
    return rows.select(*cells, CORRUPT), folders


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
        reader = reader.options(header="true", **_QUOTES)
    return reader.format(kind).load(target)


def rejected_rules(
    spark: SparkSession, job: Job, target: str, schema: StructType
) -> dict[str, int]:
    """How often each rule was broken, counted in the rejected rows that were written."""
    rows = written_rows(spark, job, target, schema)
    rules = rows.select(F.explode(F.split(RULES, ";")).alias("rule")).groupBy("rule").count()
    return {row["rule"]: row["count"] for row in rules.collect()}


def column_of(name: str) -> Any:
    """A column whose name may contain any characters."""
    return F.col("`" + name.replace("`", "``") + "`")
