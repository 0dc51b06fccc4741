"""The server's inference log, as its settings describe it."""

from __future__ import annotations

from churn_model.errors import InferenceLogError, InvalidParameter
from churn_model.inference_log.inference_log import InferenceLog
from churn_model.inference_log.options import (
    LogOptions,
    read_identifiers,
    read_level,
    read_retention,
)
from serving.http.metrics import Metrics
from serving.settings import Settings

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


def open_log(settings: Settings, metrics: Metrics | None = None) -> InferenceLog | None:
    """The server's log; None if scores are not recorded.

    The folder is not checked: a worker that starts while the disk is full scores, and writes later.
    """
    options = log_options(settings)
    if options is None:
        return None
    if metrics is None:
        return InferenceLog(options)
    return InferenceLog(
        options,
        on_drop=metrics.inference_log_dropped.inc,
        on_failure=metrics.inference_log_failures.inc,
    )
