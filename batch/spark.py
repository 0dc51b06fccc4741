"""Spark: the same checks and the registered model's own UDF, on one machine or a cluster."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pyarrow as pa
import pyarrow.compute as pc
from mlflow.exceptions import MlflowException
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it
from pyspark.sql.types import StringType, StructField, StructType

import batch
import churn_model
import pyfunc
from batch.job import Job, RowCounts
from batch.output import REJECTED, SCORED, Mode, Output, Place, fill
from batch.row_checker import CORRUPT, ERROR, RULES
from batch.spark_files import Tables, column_of, read, rejected_rules, write
from batch.spark_store import HadoopStore
from churn_model.errors import BatchError
from pyfunc.signature import signature
from pyfunc.spark_types import result_type

_FILE = re.compile(r"\b(file|hdfs|s3a?|gs|abfss?|dbfs):/\S+")
_RAISED = re.compile(r"(?!org\.|java\.|scala\.|py4j\.)[\w.]+(Error|Exception|Invalid): ")
_BATCHES = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": ("10000", "65536"),
    "spark.sql.parquet.columnarReaderBatchSize": ("4096", "65536"),
}
"""What goes to Python at a time, by default and here: fewer, larger batches take half the time."""


def run(spark: SparkSession, job: Job, target: str, mode: Mode) -> tuple[Place, RowCounts]:
    """Score the input; the results wait beside their place until they are published.

    Raises BatchError or TableError; then there are none.
    """
    place: Place
    if job.target_format == "table":
        place = Tables(spark, target, mode)
    else:
        place = Output(HadoopStore(spark), target.rstrip("/"), job.run, mode)
    with _readable(job.source):
        return place, fill(place, lambda: _score(spark, job, place))


def session(master: str | None) -> SparkSession:
    """The session of spark-submit, of the notebook, or one made here."""
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    builder: Any = SparkSession.builder.appName("score_batch")
    if master is not None:
        builder = builder.master(master)
    if "PYSPARK_GATEWAY_PORT" not in os.environ and SparkSession.getActiveSession() is None:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder.master(master or "local[*]")
        builder = builder.config("spark.ui.enabled", "false")
        builder = builder.config("spark.ui.showConsoleProgress", str(sys.stderr.isatty()).lower())
        builder = builder.config("spark.executorEnv.PYTHONWARNINGS", "ignore")
        builder = builder.config("spark.log.level", "ERROR")
    spark: SparkSession = builder.getOrCreate()
    for name, (default, better) in _BATCHES.items():
        if spark.conf.get(name) == default:
            spark.conf.set(name, better)
    spark.conf.set("spark.sql.caseSensitive", "true")
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    _ship(spark)
    return spark


def _ship(spark: SparkSession) -> None:
    """Give the executors this project's code; its dependencies they have to have."""
    if str(spark.sparkContext.master).startswith("local"):
        return  # they are this Python
    folder = tempfile.mkdtemp()  # executors fetch it as they come
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    root = Path(folder, "churn_model_code")
    for package in (batch, churn_model, pyfunc):
        source = Path(str(package.__file__)).parent
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, root / package.__name__, ignore=ignored)
    spark.sparkContext.addPyFile(shutil.make_archive(str(root), "zip", root))


def _score(spark: SparkSession, job: Job, place: Place) -> RowCounts:
    raw = read(spark, job)
    counted = Observation("read")
    rows = raw.observe(counted, F.count(F.lit(1)).alias("n"))
    scored = Observation("scored")
    result = _scored(spark, job, rows).observe(scored, F.count(F.lit(1)).alias("n"))
    write(result, job, place.folder(SCORED))
    counts = RowCounts(read=counted.get["n"], scored=scored.get["n"])
    if counts.read == counts.scored:
        write(spark.createDataFrame([], _rejected_schema(raw)), job, place.folder(REJECTED))
        return counts
    left = Observation("rejected")
    refused = _rejected(job, raw).observe(left, F.count(F.lit(1)).alias("n"))
    write(refused, job, place.folder(REJECTED))
    counts.rejected = left.get["n"]
    counts.reasons = rejected_rules(spark, job, place.folder(REJECTED))
    return counts


def _scored(spark: SparkSession, job: Job, raw: DataFrame) -> DataFrame:
    """The rows that hold, through the model's UDF."""
    schema = job.checker.schema
    accepted = _accepted(job, raw)
    params: dict[str, Any] = {"explain": job.explain}
    if job.threshold is not None:
        params["threshold"] = job.threshold
    if schema.dates:
        params["as_of"] = job.as_of.isoformat()
    udf = mlflow.pyfunc.spark_udf(
        spark,
        str(job.version.folder),
        result_type=result_type(schema, explain=job.explain, identifiers=False),
        params=params,
    )
    customer = F.struct(*(column_of(column.name) for column in schema))
    identifiers = [column_of(column.name) for column in schema.identifiers]
    kept = [column_of(name) for name in job.partition_by]
    stamps = [F.lit(text).alias(name) for name, text in job.stamp().items()]
    when = F.lit(job.started).cast("timestamp").alias("scored_at")
    scores = accepted.select(*identifiers, udf(customer).alias("_scores"), *kept)
    return scores.select(*identifiers, "_scores.*", *kept, *stamps, when)


def _accepted(job: Job, raw: DataFrame) -> DataFrame:
    checker, by = job.checker, job.partition_by
    wanted = [*checker.columns(raw.columns).values(), *by]
    if checker.form == "lines":
        wanted = raw.columns
    elif CORRUPT in raw.columns:
        wanted.append(CORRUPT)
    made: Any = signature(checker.schema).inputs.as_spark_schema()
    for name in by:
        made = made.add(raw.schema[name])

    def accept(rows: pa.RecordBatch) -> pa.RecordBatch:
        checked_rows = checker(rows)
        good = checked_rows.accepted(checker.schema)
        for name in by:
            good = good.append_column(name, rows.column(name).filter(checked_rows.valid))
        return good

    return _through(accept, raw, list(dict.fromkeys(wanted)), made)


def _through(
    work: Callable[[pa.RecordBatch], pa.RecordBatch],
    raw: DataFrame,
    names: list[str],
    made: StructType,
) -> DataFrame:
    """Columns of any name, batch by batch; Spark alone takes a dot in a name for a part of it."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in batches:
            yield work(pa.RecordBatch.from_arrays(rows.columns, names=names))

    plain = (column_of(name).alias(f"column_{i}") for i, name in enumerate(names))
    return raw.select(*plain).mapInArrow(run, made)


def _rejected(job: Job, raw: DataFrame) -> DataFrame:
    """The rows that do not hold, as they came, and why."""
    checker = job.checker
    kept = [name for name in raw.columns if name not in (ERROR, RULES)]

    def reject(rows: pa.RecordBatch) -> pa.RecordBatch:
        checked_rows = checker(rows)
        bad = rows.append_column(ERROR, checked_rows.error).append_column(RULES, checked_rows.rules)
        return bad.filter(pc.invert(checked_rows.valid))

    return _through(reject, raw, kept, _rejected_schema(raw))


def _rejected_schema(raw: DataFrame) -> StructType:
    kept = [field for field in raw.schema.fields if field.name not in (ERROR, RULES)]
    return StructType([*kept, *(StructField(name, StringType()) for name in (ERROR, RULES))])


@contextmanager
def _readable(source: str) -> Iterator[None]:
    """Turn what Spark raises into one line."""
    try:
        yield
    except (PySparkException, Py4JError, MlflowException) as error:
        raise BatchError(f"{source}: {_what_matters(str(error))}") from None


def _what_matters(text: str) -> str:
    """Of a stack trace: what Python raised, or the line that names a file, or the last cause."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["Spark failed"]
    if "PYTHON_EXCEPTION" in text or "from the Python worker" in text:
        raised = [line for line in lines if _RAISED.match(line)]
        if raised:
            return raised[-1][:500]
    causes = [line for line in lines if line.startswith("Caused by:")]
    named = [line for line in lines if _FILE.search(line)]
    return (named or causes[-1:] or lines)[0][:500]
