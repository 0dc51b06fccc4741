"""Columns of Spark tables: any names, the names of folders, and the lines of text files."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name


def column_of(name: str) -> Any:
    """A column whose name may contain any characters."""
    return F.col("`" + name.replace("`", "``") + "`")


def folder_columns(rows: DataFrame) -> tuple[str, ...]:
    """The columns of files just read that come from folders ``column=value``."""
    plan: Any = rows._jdf.queryExecution().analyzed()
    return tuple(plan.relation().partitionSchema().fieldNames())


def read_lines(spark: SparkSession, source: str) -> DataFrame:
    """The lines of files as the column ``value``, also below folders named ``value=...``."""
    reader = spark.read.options(lineSep="\n", recursiveFileLookup="true")
    return reader.text(source)
