"""The Spark session: the one of spark-submit or of a notebook, or a new one on this machine."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.find_spark_home import _find_spark_home
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from churn_model.errors import BatchError

_PACKAGES = ("batch", "churn_model", "pyfunc", "training")
"""The packages that the executors need, as far as they are installed."""

_BATCH_SIZES = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": ("10000", "65536"),
    "spark.sql.parquet.columnarReaderBatchSize": ("4096", "65536"),
}
"""Rows per batch that goes to Python: Spark's default, and ours, which halves the run time."""


_OPTIONS = {
    "spark.app.name": "churn",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",  # the commands show their own
    "spark.executorEnv.PYTHONWARNINGS": "ignore",
    "spark.log.level": "OFF",  # an error reaches the user as an exception
}
"""The options of a Spark that we start."""

_JAVA_OPTIONS = "-XX:+UseParallelGC -XX:NewRatio=1 -XX:InitialRAMPercentage=100"
"""Fewer and shorter garbage collections: the whole heap from the start, half of it for the young
generation. About a seventh more rows per second than with Java's defaults."""

_WITH_JAVA_OPTIONS = (
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "SPARK_SUBMIT_OPTS",
    "PYSPARK_SUBMIT_ARGS",
)
"""Environment variables in which users give options to Java."""

_FILES_WITH_JAVA_OPTIONS = {
    "spark-defaults.conf": ("JavaOptions",),
    "spark-env.sh": _WITH_JAVA_OPTIONS,
    "java-opts": ("-",),
}
"""Files of Spark's configuration in which users do so, and the texts that show it."""

_sending = Lock()
_with_code: set[str] = set()
"""The Spark applications to which the code was sent."""


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
    send_code(spark)
    return spark


def session_in_background(master: str | None) -> Callable[[], SparkSession]:
    """Let Spark start while the caller does something else; the function returned waits for it.

    It raises as ``session`` does. An active session is taken in the caller's thread.
    """
    if _has_session():
        return partial(session, master)
    started: Future[SparkSession] = Future()

    def start() -> None:
        try:
            started.set_result(session(master))
        except BaseException as error:
            started.set_exception(error)

    Thread(target=start, daemon=True).start()  # Java ends with the process
    return started.result


def _has_session() -> bool:
    return "PYSPARK_GATEWAY_PORT" in os.environ or SparkSession.getActiveSession() is not None


def _started(master: str | None) -> SparkSession:
    builder: Any = SparkSession.builder.appName("churn")
    if not _has_session():
        _start_java(master or "local[*]")
    elif master is not None:
        builder = builder.master(master)
    spark: SparkSession = builder.getOrCreate()
    return spark


def _start_java(master: str) -> None:
    """Start a Spark of our own. Nothing that Java and Spark print reaches the terminal."""
    if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
        raise BatchError(
            "Spark needs Java 17 or newer: install it or set JAVA_HOME, or use --engine local"
        )
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    conf = SparkConf().setAll([*_OPTIONS.items(), ("spark.master", master)])
    if not _has_java_options():
        conf.set("spark.driver.defaultJavaOptions", _JAVA_OPTIONS)
    with tempfile.TemporaryFile() as log:
        try:
            # Java's own processes, the Python workers, inherit its standard error
            launch: Any = launch_gateway
            gateway = SparkContext._gateway or launch(conf, {"stderr": log})
            SparkContext(conf=conf, gateway=gateway)
        except PySparkException as error:
            log.seek(0)
            printed = [*str(error).splitlines(), *log.read().decode(errors="replace").splitlines()]
            reason = next((line for line in reversed(printed) if line.strip()), "no reason given")
            raise BatchError(
                f"Spark cannot start ({reason}); check Java (17 or newer) and --master, or use "
                "--engine local"
            ) from None


def _has_java_options() -> bool:
    """Whether the user gives options to Java: it does not start with two garbage collectors."""
    if any(name in os.environ for name in _WITH_JAVA_OPTIONS):
        return True
    folder = os.environ.get("SPARK_CONF_DIR") or Path(_find_spark_home(), "conf")
    for name, marks in _FILES_WITH_JAVA_OPTIONS.items():
        file = Path(folder, name)
        text = file.read_text(errors="replace") if file.is_file() else ""
        if any(mark in text for mark in marks):
            return True
    return False


def send_code(spark: SparkSession) -> None:
    """Send this project's code to the executors; they must have its dependencies already."""
    context = spark.sparkContext
    if str(context.master).startswith("local"):
        return  # the executors are threads of this machine
    with _sending:
        if context.applicationId not in _with_code:
            context.addPyFile(_code())
            _with_code.add(context.applicationId)


@cache
def _code() -> str:
    """An archive of this project's packages.

    It is made once: ``addPyFile`` also lets this process import from it, so that afterwards the
    packages may be found there.
    """
    folder = tempfile.mkdtemp()  # stays until exit: executors fetch the file when they start
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    root = Path(folder, "churn_model_code")
    for name in _PACKAGES:
        found = find_spec(name)
        if found is not None and found.origin is not None:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(Path(found.origin).parent, root / name, ignore=ignored)
    return shutil.make_archive(str(root), "zip", root)
