"""The Spark engine: the same checks and scores, on one machine or on a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name
from pyspark.sql.types import StringType, StructField, StructType

from batch.job import Job, RowCounts, score_and_publish
from batch.options import Mode
from batch.output import REJECTED, SCORED, Destination, check_separate
from batch.output_folder import OutputFolder
from batch.partitions import with_partition_texts
from batch.progress import polled
from batch.spark_batch_bytes import long_rows, unmeasured_batches
from batch.spark_errors import one_line_errors
from batch.spark_files import count_written, no_rows, read, rejected_rules, write
from batch.spark_store import HadoopStore
from batch.spark_tables import OutputTables
from batch.stores import LocalStore
from churn_model.tables.reading.checked_rows import ERROR, RULES
from churn_model.tables.reading.row_checker import CORRUPT, LINE
from pyfunc.spark_batches import map_batches, numbered
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
    counts = _write_scored(spark, job, destination.folder(SCORED), raw)
    target = destination.folder(REJECTED)
    if counts.read == counts.scored:
        write(no_rows(spark, _rejected_schema(job, raw)), job, target)
        return counts
    rejected = _rejected(job, raw)
    write(rejected, job, target)
    counts.rejected = count_written(spark, job, target, rejected.schema)
    counts.reasons = rejected_rules(spark, job, target, rejected.schema)
    return counts


def _task_counts(spark: SparkSession) -> tuple[int, int]:
    """How many tasks of the active stages are finished, of how many."""
    tracker = spark.sparkContext.statusTracker()
    stages = [tracker.getStageInfo(number) for number in tracker.getActiveStageIds()]
    return (
        sum(stage.numCompletedTasks for stage in stages if stage),
        sum(stage.numTasks for stage in stages if stage),
    )


def _write_scored(spark: SparkSession, job: Job, target: str, raw: DataFrame) -> RowCounts:
    """Write the valid rows with their scores; counts the rows read and the rows written.

    All rows are read once, counted, checked and scored, except for the long ones, which need
    smaller batches: if there are any, they are read again.
    """
    names = _names(job, raw)
    rows, schema = numbered(raw, names), _scored_schema(job, raw)
    long = long_rows(spark, rows)
    is_long = F.lit(False) if long is None else long
    read_rows = Observation("read")
    counts = (F.count(F.lit(1)).alias("n"), F.count_if(is_long).alias("long"))
    scored = _scored(job, rows.observe(read_rows, *counts).where(~is_long), names, schema)
    with nullcontext() if long is None else unmeasured_batches(spark):
        write(scored, job, target)
    if read_rows.get["long"]:
        write(_scored(job, rows.where(is_long), names, schema), job, target, append=True)
    return RowCounts(read_rows.get["n"], count_written(spark, job, target, scored.schema))


def _names(job: Job, raw: DataFrame) -> list[str]:
    """The columns that the checker reads and those that scored rows repeat."""
    if job.checker.form == "lines":
        names = raw.columns  # the checker has no columns to choose
    else:
        names = [*job.checker.columns(raw.columns).values(), *job.partition_by]
        if CORRUPT in raw.columns:
            names.append(CORRUPT)
    return list(dict.fromkeys(names))


def _scored(job: Job, rows: DataFrame, names: Sequence[str], schema: StructType) -> DataFrame:
    """The valid ones of these rows with their scores."""
    scorer, texts = job.row_scorer(), job.text_partitions

    def score(rows: pa.RecordBatch) -> pa.RecordBatch:
        return with_partition_texts(scorer.scored(rows, scorer.checker(rows)), texts)

    scores = map_batches(score, rows, names, schema)
    version = [F.lit(text).alias(name) for name, text in job.version_columns().items()]
    scored_at = F.lit(job.started).cast("timestamp").alias("scored_at")
    return scores.select("*", *version, scored_at)


def _scored_schema(job: Job, raw: DataFrame) -> Any:
    has_campaign = job.version.scorer.scorecard.campaign is not None
    types = result_type(job.checker.schema, explain=job.explain, campaign=has_campaign)
    schema: Any = StructType.fromDDL(types)
    for name in job.partition_by:
        text = StructField(name, StringType())
        schema = schema.add(text if name in job.text_partitions else raw.schema[name])
    return schema


def _rejected(job: Job, raw: DataFrame) -> DataFrame:
    """The invalid rows, unchanged, and why each was rejected."""
    scorer, texts = job.row_scorer(), job.text_partitions

    def keep_rejected(rows: pa.RecordBatch) -> pa.RecordBatch:
        return with_partition_texts(scorer.rejected(rows, scorer.checker(rows)), texts)

    rows = numbered(raw, raw.columns)
    return map_batches(keep_rejected, rows, raw.columns, _rejected_schema(job, raw))


def _rejected_schema(job: Job, raw: DataFrame) -> StructType:
    fields = [*raw.schema.fields, *(StructField(name, StringType()) for name in (ERROR, RULES))]
    texts = (*job.text_partitions, *([LINE] if job.checker.form == "lines" else []))
    return StructType([StructField(f.name, StringType()) if f.name in texts else f for f in fields])
