"""Spark's side of files and tables: read as they are, with nothing inferred; written as asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it
from pyspark.sql.types import StringType, StructType

from batch.job import Job
from batch.output import REJECTED, SCORED, Mode, output_exists
from batch.row_checker import CORRUPT, RULES
from churn_model.errors import TableError

_QUOTES = {"quote": '"', "escape": '"', "multiLine": "true"}


def read(spark: SparkSession, job: Job) -> DataFrame:
    """The input, unaltered: CSV as texts, JSON as lines, anything else as it is typed."""
    if job.source_format == "table":
        return spark.table(job.source)
    if job.source_format == "json":
        lines = spark.read.option("lineSep", "\n").text(job.source)
        return lines.where(F.col("value").rlike(r"\S"))
    if job.source_format == "parquet":
        return spark.read.parquet(job.source)
    descriptor = job.checker.descriptor.csv
    encoding = descriptor.encoding.lower().replace("utf-8-sig", "utf-8")
    reader = spark.read.options(
        sep=descriptor.separator, encoding=encoding, header="true", inferSchema="false", **_QUOTES
    )
    names = reader.csv(job.source).columns
    if CORRUPT in names:
        raise TableError(f"{job.source}: has a column {CORRUPT!r}, which is kept for uneven rows")
    schema = StructType()
    for name in (*names, CORRUPT):
        schema = schema.add(name, StringType())
    reader = reader.options(mode="PERMISSIVE", columnNameOfCorruptRecord=CORRUPT, nullValue="")
    rows = reader.schema(schema).csv(job.source)
    whole, empty = F.col(CORRUPT).isNull(), F.lit("")  # Spark reads an empty cell as null
    cells = (F.when(whole, F.coalesce(column_of(name), empty)).alias(name) for name in names)
    return rows.select(*cells, CORRUPT)


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


def rejected_rules(spark: SparkSession, job: Job, target: str) -> dict[str, int]:
    """How often each rule was broken, from the rejected rows as written."""
    kind = job.target_format
    if kind == "table":
        rows = spark.table(target)
    elif kind == "csv":
        rows = spark.read.options(header="true", **_QUOTES).csv(target)
    else:
        rows = spark.read.format(kind).load(target)
    rules = rows.select(F.explode(F.split(RULES, ";")).alias("rule")).groupBy("rule").count()
    return {row["rule"]: row["count"] for row in rules.collect()}


def column_of(name: str) -> Any:
    """A column of any name, quoted."""
    return F.col("`" + name.replace("`", "``") + "`")


@dataclass(frozen=True)
class Tables:
    """A catalog's tables ``<base>_scored`` and ``<base>_rejected``, written under other names."""

    spark: SparkSession
    base: str
    mode: Mode

    def folder(self, kind: str) -> str:
        """The table's name until it is published."""
        return f"{self.base}_{kind}_partial"

    def prepare(self) -> None:
        """Look whether there is room, and drop what earlier runs left. Raises BatchError."""
        for kind in (SCORED, REJECTED):
            if self.mode == "error" and self.spark.catalog.tableExists(f"{self.base}_{kind}"):
                raise output_exists(f"{self.base}_{kind}")
        self.discard()

    def publish(self, summary: dict[str, Any]) -> None:
        """Give the tables their names, or add their rows."""
        for kind in (REJECTED, SCORED):
            partial, name = self.folder(kind), f"{self.base}_{kind}"
            if self.mode == "append" and self.spark.catalog.tableExists(name):
                self.spark.table(partial).write.mode("append").saveAsTable(name)
                continue
            self.spark.sql(f"DROP TABLE IF EXISTS {name}")
            self.spark.sql(f"ALTER TABLE {partial} RENAME TO {name}")
        self.discard()

    def discard(self) -> None:
        """Drop what was written so far."""
        for kind in (SCORED, REJECTED):
            self.spark.sql(f"DROP TABLE IF EXISTS {self.folder(kind)}")
