"""The MLflow runs that training and promotion log to."""

from __future__ import annotations

from contextlib import AbstractContextManager

from pyfunc.mlflow_run import logged_run

EXPERIMENT = "churn"


def training_run(name: str) -> AbstractContextManager[str]:
    """An active MLflow run; yields its id. An exception marks the run as failed."""
    return logged_run(name, EXPERIMENT)
