"""Batches that Spark fills without computing their size.

Spark ends a batch for Python at a number of rows or of bytes. To know the bytes, it computes the
size of the batch before each row, which takes longer than scoring. If no row is longer than its
share of the bytes, the limit on rows suffices.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from operator import add
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name
from pyspark.sql.types import (
    BooleanType,
    DateType,
    DecimalType,
    NumericType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

_BYTES = "spark.sql.execution.arrow.maxBytesPerBatch"
_ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch"
_UNLIMITED = str(2**31 - 1)

_FIXED = (NumericType, BooleanType, DateType, TimestampType, TimestampNTZType)
_FIXED_BYTES = 9  # with the bit that marks a missing value
_DECIMAL_BYTES = 17
_TEXT_BYTES = 5  # besides the text itself
_SHORT_TEXT = 32


def long_rows(spark: SparkSession, rows: DataFrame) -> Any:
    """A condition for the rows that are longer than their share of a batch's bytes.

    ``rows``: the names of its columns have no dots.

    None if Spark has to compute sizes, because ordinary rows may be long, as JSON lines are, or if
    it has no limit on bytes or rows.
    """
    limit = _bytes_per_row(spark)
    if limit is None:
        return None
    texts, left = [], limit
    for field in rows.schema:
        kind = field.dataType
        if isinstance(kind, StringType):
            texts.append(F.coalesce(F.octet_length(field.name), F.lit(0)))
            left -= _TEXT_BYTES
        elif isinstance(kind, _FIXED):
            left -= _DECIMAL_BYTES if isinstance(kind, DecimalType) else _FIXED_BYTES
        else:
            return None
    if left < _SHORT_TEXT * len(texts):
        return None  # the columns are many
    return reduce(add, texts, F.lit(0).cast("long")) > left


def _bytes_per_row(spark: SparkSession) -> int | None:
    """The bytes of a batch for each of its rows; None without a limit of either."""
    try:
        text = spark.conf.get(_BYTES)
    except PySparkException:  # of Spark 4.0, which has no such option
        return None
    rows = int(spark.conf.get(_ROWS) or 0)
    java: Any = spark._jvm
    limit = int(java.org.apache.spark.network.util.JavaUtils.byteStringAsBytes(text))
    return limit // rows if rows > 0 and str(limit) != _UNLIMITED else None


@contextmanager
def unmeasured_batches(spark: SparkSession) -> Iterator[None]:
    """Let Spark fill batches without computing their size."""
    before = spark.conf.get(_BYTES)
    spark.conf.set(_BYTES, _UNLIMITED)
    try:
        yield
    finally:
        spark.conf.set(_BYTES, str(before))
