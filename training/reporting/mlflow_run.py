"""The MLflow runs that training and promotion log to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow

from pyfunc.registry_errors import readable_errors

EXPERIMENT = "churn"

_OVERRIDES = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")
"""Set by ``mlflow run``, and by users who want another experiment."""


@contextmanager
def training_run(name: str) -> Iterator[str]:
    """An active MLflow run; yields its id. An exception marks the run as failed."""
    with readable_errors():
        choose_experiment()
        run = mlflow.start_run(run_name=name)
    with run:
        yield str(run.info.run_id)


def choose_experiment() -> None:
    """Select EXPERIMENT for the next run, unless the environment selects another one."""
    if not any(os.environ.get(name) for name in _OVERRIDES):
        mlflow.set_experiment(EXPERIMENT)
