"""The inference log of ``mlflow models serve`` and of notebooks, from environment variables.

``CHURN_INFERENCE_LOG`` names the folder. The other variables are ``CHURN_INFERENCE_LOG_LEVEL``,
``_KEY``, ``_IDENTIFIERS``, ``_SAMPLE``, ``_RETENTION`` and ``_SOURCE``. This module is logged with
the model.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from churn_model.errors import InferenceLogError
from churn_model.inference_log.inference_log import InferenceLog, VersionLog
from churn_model.inference_log.options import (
    LogOptions,
    read_identifiers,
    read_level,
    read_retention,
    read_sample,
)
from churn_model.scoring import Scorer

VARIABLE = "CHURN_INFERENCE_LOG"
SOURCE = "mlflow"
"""The source of the rows, unless ``CHURN_INFERENCE_LOG_SOURCE`` names another."""

_REGISTERED_MODEL = "registered_model_meta"
"""The file in which MLflow records name and version of a downloaded model."""

_SECONDS_AT_END = 10.0

_logs: dict[LogOptions, InferenceLog] = {}


def log_of_environment(scorer: Scorer, model_folder: Path) -> VersionLog | None:
    """What records the scores of a model in a folder; None without the variable, and in Spark.

    Spark repeats tasks that fail, and the results of a batch are monitored as they are. Raises
    InferenceLogError, whose message names the variable, if the log cannot be written.
    """
    if not os.environ.get(VARIABLE) or in_spark_task():
        return None
    try:
        options = _options()
        if options not in _logs:
            log = InferenceLog(options)
            log.check()
            _logs[options] = log
        name, version = registered_as(model_folder)
        version_log = _logs[options].version(scorer, name, version)
    except InferenceLogError as error:
        raise InferenceLogError(f"{VARIABLE}: {error}") from None
    _write_before_termination(_logs[options])
    return version_log


def _options() -> LogOptions:
    level = read_level(_variable("LEVEL") or "scores")
    key = read_identifiers(
        _variable("IDENTIFIERS") or "hash", _variable("KEY"), level, f"{VARIABLE}_KEY=FILE"
    )
    return LogOptions(
        os.environ[VARIABLE],
        level,
        key,
        read_sample(_variable("SAMPLE") or "1"),
        read_retention(_variable("RETENTION")),
        _variable("SOURCE") or SOURCE,
    )


def _variable(name: str) -> str | None:
    return os.environ.get(f"{VARIABLE}_{name}")


def in_spark_task() -> bool:
    """Whether this process is at work on a task of Spark."""
    pyspark = sys.modules.get("pyspark")
    return pyspark is not None and pyspark.TaskContext.get() is not None


def registered_as(model_folder: Path) -> tuple[str | None, str | None]:
    """Name and version of a downloaded model; two Nones for one that is not registered."""
    import yaml

    file = model_folder / _REGISTERED_MODEL
    recorded = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return recorded.get("model_name"), str(recorded["model_version"]) if recorded else None


@contextmanager
def not_recorded() -> Iterator[None]:
    """Record nothing while a model is logged: MLflow loads it and scores its input example."""
    variable = os.environ.pop(VARIABLE, None)
    try:
        yield
    finally:
        if variable is not None:
            os.environ[VARIABLE] = variable


def _write_before_termination(log: InferenceLog) -> None:
    """Write what was recorded before SIGTERM ends the process.

    Functions that are registered for the exit do not run then. uvicorn, under ``mlflow models
    serve``, sends itself the signal again after it has finished its requests.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)
    if getattr(before, "inference_log", None) is log:
        return

    def handle(number: int, frame: Any) -> None:
        if callable(before):  # which may end the process at any moment, or never
            log.write_continuously()
            before(number, frame)
            return
        # in a thread, because this one may have been interrupted while it had a lock of the log
        closing = threading.Thread(target=log.close, daemon=True)
        closing.start()
        closing.join(_SECONDS_AT_END)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)

    if callable(before) or before is signal.SIG_DFL:
        handle.inference_log = log  # type: ignore[attr-defined]
        signal.signal(signal.SIGTERM, handle)
