"""Reads CSV files with Spark, after checking what its parser does not report."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name
from pyspark.sql.types import StringType, StructType

from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.reading.csv_files import check_header
from churn_model.tables.reading.csv_stream import check_separator, python_encoding
from churn_model.tables.reading.row_checker import CORRUPT
from pyfunc.spark_columns import column_of, folder_columns
from pyfunc.spark_csv_check import check_files

QUOTES = {"quote": '"', "escape": '"', "multiLine": "true"}


def read_csv(
    spark: SparkSession, source: str, csv_format: CsvFormat
) -> tuple[DataFrame, tuple[str, ...]]:
    """All columns as strings, CORRUPT, and the names of the columns that come from folders.

    Raises TableError for files that are not CSV in the format.
    """
    check_separator(csv_format)
    encoding = _java_encoding(csv_format.encoding)
    header = check_files(spark, source, csv_format)
    check_header(source, header)
    reader = spark.read.options(
        sep=csv_format.separator, encoding=encoding, header="true", inferSchema="false", **QUOTES
    )
    plain = reader.csv(source)
    names, folders = plain.columns, folder_columns(plain)
    schema = StructType()
    for name in (*names, CORRUPT):
        schema = schema.add(name, StringType())
    reader = reader.options(mode="PERMISSIVE", columnNameOfCorruptRecord=CORRUPT, nullValue="")
    rows = reader.schema(schema).csv(source)
    intact, empty = F.col(CORRUPT).isNull(), F.lit("")  # Spark reads an empty cell as null
    cells: Any = (
        column_of(name)
        if name in folders
        else F.when(intact, F.coalesce(column_of(name), empty)).alias(name)
        for name in names
    )
    return rows.select(*cells, CORRUPT), folders


def _java_encoding(name: str) -> str:
    """Java's name of an encoding; Java knows most of Python's names."""
    name = python_encoding(name).removesuffix("-sig")
    return name.replace("utf-16-", "utf-16").replace("utf-32-", "utf-32")
