"""The Spark engine: the same checks, and the model's UDF, on one machine or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import mlflow
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name
from pyspark.sql.types import StringType, StructField, StructType

from batch.job import Job, RowCounts, score_and_publish
from batch.options import Mode
from batch.output import REJECTED, SCORED, Destination, check_separate
from batch.output_folder import OutputFolder
from batch.partitions import as_partition_texts
from batch.progress import polled
from batch.spark_errors import one_line_errors
from batch.spark_files import read, rejected_rules, write, written_rows
from batch.spark_store import HadoopStore
from batch.spark_tables import OutputTables
from batch.stores import LocalStore
from churn_model.tables.reading.checked_rows import ERROR, RULES
from churn_model.tables.reading.row_checker import CORRUPT, LINE
from churn_model.tables.reading.utf8 import as_text
from pyfunc.signature import signature
from pyfunc.spark_columns import column_of
from pyfunc.spark_types import result_type


def run(spark: SparkSession, job: Job, output: str, mode: Mode) -> dict[str, Any]:
    """Score the input and publish the results as ``output``; returns the summary.

    Raises BatchError or TableError; then no output was written.
    """
    with one_line_errors(output, output):
        destination = _destination(spark, job, output, mode)
    with one_line_errors(job.source, output), polled("tasks", lambda: _task_counts(spark)):
        return score_and_publish(job, destination, lambda: _score(spark, job, destination))


def _destination(spark: SparkSession, job: Job, output: str, mode: Mode) -> Destination:
    """Where the results go. Raises BatchError if that overlaps with the input."""
    if job.target_format == "table":
        tables = OutputTables(spark, output, mode, job.run)
        if job.source_format == "table":
            tables.check_separate(job.source)
        return tables
    hadoop = HadoopStore(spark)
    base = hadoop.absolute(output)
    if job.source_format != "table":
        check_separate(hadoop.matches(job.source), base)
    if "://" in base:
        return OutputFolder(hadoop, base, job.run, mode)
    return OutputFolder(LocalStore(), base, job.run, mode, hadoop.scheme_of_paths())


def _score(spark: SparkSession, job: Job, destination: Destination) -> RowCounts:
    raw, folders = read(spark, job)
    job = job.with_folders(folders)
    job.check_partition_columns(raw.columns)
    read_rows = Observation("read")
    observed = raw.observe(read_rows, F.count(F.lit(1)).alias("n"))
    counts = RowCounts()
    counts.scored = _write(spark, job, destination, SCORED, _scored(spark, job, observed))
    counts.read = read_rows.get["n"]
    if counts.read == counts.scored:
        nothing = spark.createDataFrame([], _rejected_schema(job, raw))
        write(nothing, job, destination.folder(REJECTED))
        return counts
    rejected = _rejected(job, raw)
    counts.rejected = _write(spark, job, destination, REJECTED, rejected)
    folder = destination.folder(REJECTED)
    counts.reasons = rejected_rules(spark, job, folder, rejected.schema)
    return counts


def _write(
    spark: SparkSession, job: Job, destination: Destination, kind: str, frame: DataFrame
) -> int:
    """Write rows; returns how many were written."""
    target = destination.folder(kind)
    write(frame, job, target)
    return written_rows(spark, job, target, frame.schema).count()


def _task_counts(spark: SparkSession) -> tuple[int, int]:
    """How many tasks of the active stages are finished, of how many."""
    tracker = spark.sparkContext.statusTracker()
    stages = [tracker.getStageInfo(number) for number in tracker.getActiveStageIds()]
    return (
        sum(stage.numCompletedTasks for stage in stages if stage),
        sum(stage.numTasks for stage in stages if stage),
    )


def _scored(spark: SparkSession, job: Job, raw: DataFrame) -> DataFrame:
    """The valid rows, scored by the model's UDF."""
    schema = job.checker.schema
    valid = _valid(job, raw)
    params: dict[str, Any] = {"explain": job.explain}
    if job.threshold is not None:
        params["threshold"] = job.threshold
    if schema.dates:
        params["as_of"] = job.as_of.isoformat()
    udf = mlflow.pyfunc.spark_udf(
        spark,
        str(job.version.folder),
        result_type=result_type(
            schema,
            explain=job.explain,
            identifiers=False,
            campaign=job.version.scorer.scorecard.campaign is not None,
        ),
        params=params,
    )
    customer = F.struct(*(column_of(column.name) for column in schema))
    identifiers = [column_of(column.name) for column in schema.identifiers]
    partitions = [column_of(name) for name in job.partition_by]
    version = [F.lit(text).alias(name) for name, text in job.version_columns().items()]
    scored_at = F.lit(job.started).cast("timestamp").alias("scored_at")
    scores = valid.select(*identifiers, udf(customer).alias("_scores"), *partitions)
    return scores.select(*identifiers, "_scores.*", *partitions, *version, scored_at)


def _valid(job: Job, raw: DataFrame) -> DataFrame:
    """The valid rows, with the columns of the model's signature and the partition columns."""
    checker, partition_by = job.checker, job.partition_by
    names = [*checker.columns(raw.columns).values(), *partition_by]
    if checker.form == "lines":
        names = raw.columns  # the checker has no columns to choose
    elif CORRUPT in raw.columns:
        names.append(CORRUPT)
    output_schema: Any = signature(checker.schema).inputs.as_spark_schema()
    texts = job.text_partitions
    for name in partition_by:
        field = StructField(name, StringType()) if name in texts else raw.schema[name]
        output_schema = output_schema.add(field)

    def keep_valid(rows: pa.RecordBatch) -> pa.RecordBatch:
        checked_rows = checker(rows)
        valid = checked_rows.accepted(checker.schema)
        for name in partition_by:
            column = rows.column(name)
            column = as_partition_texts(name, column) if name in texts else column
            valid = valid.append_column(name, column.filter(checked_rows.valid))
        return valid

    return _map_batches(keep_valid, raw, list(dict.fromkeys(names)), output_schema)


def _rejected(job: Job, raw: DataFrame) -> DataFrame:
    """The invalid rows, unchanged, and why each was rejected."""
    checker = job.checker
    texts = job.text_partitions

    def keep_rejected(rows: pa.RecordBatch) -> pa.RecordBatch:
        checked_rows = checker(rows)
        if checker.form == "lines":
            rows = pa.RecordBatch.from_pydict({LINE: as_text(rows.column(LINE))})
        for name in texts:
            index = rows.schema.get_field_index(name)
            rows = rows.set_column(index, name, as_partition_texts(name, rows.column(index)))
        rows = rows.append_column(ERROR, checked_rows.error)
        rows = rows.append_column(RULES, checked_rows.rules)
        return rows.filter(pc.invert(checked_rows.valid))

    return _map_batches(keep_rejected, raw, raw.columns, _rejected_schema(job, raw))


def _rejected_schema(job: Job, raw: DataFrame) -> StructType:
    fields = [*raw.schema.fields, *(StructField(name, StringType()) for name in (ERROR, RULES))]
    texts = (*job.text_partitions, *([LINE] if job.checker.form == "lines" else []))
    return StructType([StructField(f.name, StringType()) if f.name in texts else f for f in fields])


def _map_batches(
    function: Callable[[pa.RecordBatch], pa.RecordBatch],
    raw: DataFrame,
    names: list[str],
    output_schema: StructType,
) -> DataFrame:
    """Apply a function to batches of these columns.

    The columns are renamed on the way, because Spark reads a dot in a name as a nested field.
    """

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in batches:
            yield function(pa.RecordBatch.from_arrays(rows.columns, names=names))

    renamed = (column_of(name).alias(f"column_{i}") for i, name in enumerate(names))
    return raw.select(*renamed).mapInArrow(run, output_schema)
