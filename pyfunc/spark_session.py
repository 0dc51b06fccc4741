"""The Spark session: the one of spark-submit or of a notebook, or a new one on this machine."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from churn_model.errors import BatchError

_PACKAGES = ("batch", "churn_model", "pyfunc", "training")
"""The packages that the executors need, as far as they are installed."""

_BATCH_SIZES = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": ("10000", "65536"),
    "spark.sql.parquet.columnarReaderBatchSize": ("4096", "65536"),
}
"""Rows per batch that goes to Python: Spark's default, and ours, which halves the run time."""


def session(master: str | None) -> SparkSession:
    """The active session, or a new one. Raises BatchError if Spark cannot start."""
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    spark = _started(master)
    for name, (default, larger) in _BATCH_SIZES.items():
        if spark.conf.get(name) == default:
            spark.conf.set(name, larger)
    spark.conf.set("spark.sql.caseSensitive", "true")
    spark.conf.set("spark.sql.legacy.javaCharsets", "true")  # CSV in cp1252, for example
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    _send_code(spark)
    return spark


def _started(master: str | None) -> SparkSession:
    builder: Any = SparkSession.builder.appName("churn score")
    if master is not None:
        builder = builder.master(master)
    if "PYSPARK_GATEWAY_PORT" in os.environ or SparkSession.getActiveSession() is not None:
        spark: SparkSession = builder.getOrCreate()
        return spark
    return _new_session(builder.master(master or "local[*]"))


def _new_session(builder: Any) -> SparkSession:
    """A session of our own. Nothing that Java and Spark print reaches the terminal."""
    if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
        raise BatchError(
            "Spark needs Java 17 or newer: install it or set JAVA_HOME, or use --engine local"
        )
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    options = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",  # batch.progress shows it
        "spark.executorEnv.PYTHONWARNINGS": "ignore",
        "spark.log.level": "OFF",  # an error reaches the user as an exception
    }
    for name, value in options.items():
        builder = builder.config(name, value)
    with tempfile.TemporaryFile() as log:
        try:
            with _stderr_to(log):  # Java and the Python workers inherit it
                spark: SparkSession = builder.getOrCreate()
        except PySparkException as error:
            log.seek(0)
            printed = [*str(error).splitlines(), *log.read().decode(errors="replace").splitlines()]
            reason = next((line for line in reversed(printed) if line.strip()), "no reason given")
            raise BatchError(
                f"Spark cannot start ({reason}); check Java (17 or newer) and --master, or use "
                "--engine local"
            ) from None
    return spark


@contextmanager
def _stderr_to(file: IO[bytes]) -> Iterator[None]:
    """Redirect the file descriptor of standard error, for processes that are started meanwhile."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _send_code(spark: SparkSession) -> None:
    """Send this project's code to the executors; they must have its dependencies already."""
    if str(spark.sparkContext.master).startswith("local"):
        return  # the executors are threads of this machine
    folder = tempfile.mkdtemp()  # stays until exit: executors fetch the file when they start
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    root = Path(folder, "churn_model_code")
    for name in _PACKAGES:
        found = find_spec(name)
        if found is not None and found.origin is not None:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(Path(found.origin).parent, root / name, ignore=ignored)
    spark.sparkContext.addPyFile(shutil.make_archive(str(root), "zip", root))
