"""What the registry knows of the served version: ``/page/card`` and its report.

The page works without it, so a registry that does not answer costs only this part of the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run, RunStatus

from churn_model.errors import RegistryError
from pyfunc import MONITORING_EXPERIMENT
from pyfunc.deadline import with_deadline
from pyfunc.environment import no_progress_bar
from pyfunc.registry_errors import readable_errors

_METRICS = ("auc", "recall_10")
_REPORT = "report.html"


@dataclass(frozen=True)
class Card:
    """A version's training run, and what monitoring last found; None for what is unknown.

    ``metrics``: of customers that the model was not trained on, by MLflow's names. ``verdict``:
    the latest of ``churn monitor`` on this version, with its number of ``alarms`` and its time.
    Times are in UTC.
    """

    trained_at: str
    run_id: str
    has_report: bool
    rows: str | None
    churn_rate: str | None
    metrics: dict[str, float]
    monitoring: dict[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON, without the identifier of the run."""
        return {key: value for key, value in vars(self).items() if key != "run_id"}


def read_card(name: str, version: str) -> Card:
    """Ask the registry about a version. Raises RegistryError."""
    with readable_errors(f"models:/{name}/{version}"):
        return with_deadline(lambda: _card(name, version))


def _card(name: str, version: str) -> Card:
    client = MlflowClient()
    registered = client.get_model_version(name, version)
    if not registered.run_id:
        raise RegistryError(f"version {version} of {name} was registered without a training run")
    run = client.get_run(registered.run_id)
    files = client.list_artifacts(registered.run_id)
    return Card(
        trained_at=_time(registered.creation_timestamp),
        run_id=registered.run_id,
        has_report=any(file.path == _REPORT for file in files),
        rows=run.data.params.get("rows_used"),
        churn_rate=run.data.params.get("churn_rate"),
        metrics={key: run.data.metrics[key] for key in _METRICS if key in run.data.metrics},
        monitoring=_monitoring(client, name, version),
    )


def _monitoring(client: MlflowClient, name: str, version: str) -> dict[str, Any] | None:
    """The verdict of the latest complete run of ``churn monitor`` on this version."""
    experiment = client.get_experiment_by_name(MONITORING_EXPERIMENT)
    if experiment is None:
        return None
    runs: list[Run] = client.search_runs(
        [experiment.experiment_id],
        f"tags.model_name = '{_quoted(name)}' and tags.model_version = '{_quoted(version)}'",
        max_results=10,
        order_by=["attributes.start_time DESC"],
    )
    finished = RunStatus.to_string(RunStatus.FINISHED)
    for run in runs:
        if run.info.status == finished and "verdict" in run.data.tags:
            tags = run.data.tags
            at = _time(run.info.start_time)
            return {"verdict": tags["verdict"], "alarms": tags.get("alarms"), "at": at}
    return None


def _quoted(text: str) -> str:
    return text.replace("'", "\\'")


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat(timespec="seconds")


def read_report(card: Card) -> bytes:
    """The report of the training run, an HTML page. Raises RegistryError."""
    with readable_errors(), no_progress_bar(), TemporaryDirectory() as folder:
        path = with_deadline(
            lambda: mlflow.artifacts.download_artifacts(
                run_id=card.run_id, artifact_path=_REPORT, dst_path=folder
            )
        )
        return Path(path).read_bytes()
