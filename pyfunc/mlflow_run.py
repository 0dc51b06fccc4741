"""The MLflow runs that commands log to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import mlflow
from mlflow.entities import RunStatus

from pyfunc.registry_errors import readable_errors

_OVERRIDES = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")
"""Set by ``mlflow run``, and by users who want another experiment."""


@contextmanager
def logged_run(name: str, experiment: str) -> Iterator[str]:
    """An active MLflow run; yields its id. An exception marks the run as failed."""
    with readable_errors():
        choose_experiment(experiment)
        run = mlflow.start_run(run_name=name)
    try:
        yield str(run.info.run_id)
    except BaseException:
        with suppress(Exception):  # MLflow may be the reason for which the run failed
            mlflow.end_run(RunStatus.to_string(RunStatus.FAILED))
        raise
    with readable_errors():
        mlflow.end_run()


def choose_experiment(experiment: str) -> None:
    """Select an experiment for the next run, unless the environment selects another one."""
    if not any(os.environ.get(name) for name in _OVERRIDES):
        mlflow.set_experiment(experiment)
