"""Columns of Spark tables: their names, and those that come from the names of folders."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the usual name


def column_of(name: str) -> Any:
    """A column whose name may contain any characters."""
    return F.col("`" + name.replace("`", "``") + "`")


def folder_columns(rows: DataFrame) -> tuple[str, ...]:
    """The columns of files just read that come from folders ``column=value``."""
    plan: Any = rows._jdf.queryExecution().analyzed()
    return tuple(plan.relation().partitionSchema().fieldNames())
