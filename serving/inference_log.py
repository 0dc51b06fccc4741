"""The server's inference log, as its settings describe it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from churn_model.errors import InferenceLogError, InvalidParameter
from churn_model.inference_log.inference_log import InferenceLog
from churn_model.inference_log.options import (
    LogOptions,
    read_identifiers,
    read_level,
    read_retention,
)
from serving.http.metrics import FOLDER_VARIABLE, Metrics
from serving.last_hour import LastHour, model_key, reference
from serving.settings import Settings

if TYPE_CHECKING:
    from serving.served_model import ServedModel

SOURCE = "serve"


def log_options(settings: Settings) -> LogOptions | None:
    """How scores are recorded; None if they are not. Raises InvalidParameter."""
    if not settings.inference_log:
        return None
    level = read_level(settings.inference_log_level)
    try:
        key = read_identifiers(
            settings.inference_log_identifiers,
            settings.inference_log_key,
            level,
            "--inference-log-key FILE",
        )
    except InferenceLogError as error:
        raise InvalidParameter(f"--inference-log: {error}") from None
    return LogOptions(
        settings.inference_log,
        level,
        key,
        settings.inference_log_sample,
        read_retention(settings.inference_log_retention),
        SOURCE,
        settings.inference_log_flush,
    )


def check_log(settings: Settings) -> None:
    """Raise InvalidParameter or InferenceLogError if the log cannot be written."""
    log = open_log(settings)
    if log is not None:
        log.check()


def open_log(
    settings: Settings, metrics: Metrics | None = None, last_hour: LastHour | None = None
) -> InferenceLog | None:
    """The server's log; None if scores are not recorded.

    The folder is not checked: a worker that starts while the disk is full scores, and writes later.
    """
    options = log_options(settings)
    if options is None:
        return None
    # Arrow's own pool uses huge pages, which it returns and gets again, cleared, twice a second
    pa.set_memory_pool(pa.system_memory_pool())
    if metrics is None:
        return InferenceLog(options)
    return InferenceLog(
        options,
        on_drop=metrics.inference_log_dropped.inc,
        on_failure=metrics.inference_log_failures.inc,
        on_counts=None if last_hour is None else last_hour.add,
    )


def measure_last_hour(settings: Settings, metrics: Metrics) -> LastHour | None:
    """The metrics of the last hour; None without an inference log, whose counts they use."""
    if not settings.inference_log:
        return None
    folder = os.environ.get(FOLDER_VARIABLE)
    last_hour = LastHour(Path(folder) if folder else None)
    metrics.add_collector(last_hour)
    return last_hour


def compare_with_training(last_hour: LastHour, served: ServedModel) -> None:
    """Compare the last hour with the training rows of a version from now on.

    Without a profile of these rows, there are no such metrics.
    """
    key, profile = model_key(served.name, served.version), served.profile
    terms = served.scorer.scorecard.terms
    last_hour.reference = None if profile is None else reference(key, terms, profile)
