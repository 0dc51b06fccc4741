"""The MLflow runs that training and promotion write to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow

from pyfunc.registry_errors import readable_errors

EXPERIMENT = "churn"

_CHOSEN_ELSEWHERE = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")
"""Set by ``mlflow run``, and by users who want another experiment."""


@contextmanager
def training_run(name: str) -> Iterator[str]:
    """An active MLflow run; gives its id. It is marked as failed if an exception ends it."""
    with readable_errors():
        choose_experiment()
        run = mlflow.start_run(run_name=name)
    with run:
        yield str(run.info.run_id)


def choose_experiment() -> None:
    """Let the next run go to EXPERIMENT, unless the environment names another one."""
    if not any(os.environ.get(name) for name in _CHOSEN_ELSEWHERE):
        mlflow.set_experiment(EXPERIMENT)
