"""Applies Python functions to the rows of Spark tables, as Arrow batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from pyfunc.spark_columns import column_of


def numbered(rows: DataFrame, names: Sequence[str]) -> DataFrame:
    """These columns under other names, because Spark reads a dot in a name as a nested field."""
    return rows.select(*(column_of(name).alias(f"column_{i}") for i, name in enumerate(names)))


def map_batches(
    function: Callable[[pa.RecordBatch], pa.RecordBatch],
    numbered: DataFrame,
    names: Sequence[str],
    output_schema: Any,
) -> DataFrame:
    """Apply a function to each batch of numbered columns, which have these names in the batch."""
    return map_partitions(partial(map, function), numbered, names, output_schema)


def map_partitions(
    function: Callable[[Iterator[pa.RecordBatch]], Iterable[pa.RecordBatch]],
    numbered: DataFrame,
    names: Sequence[str],
    output_schema: Any,
) -> DataFrame:
    """Apply a function to the batches of each partition, as ``map_batches`` does."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        named = (pa.RecordBatch.from_arrays(rows.columns, names=names) for rows in batches)
        yield from function(named)

    return numbered.mapInArrow(run, output_schema)
