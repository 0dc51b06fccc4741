"""Logs the hashes of a run's training rows, and reads them again."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pyfunc.environment import no_progress_bar
from training.data.fingerprints import Fingerprints

_ARTIFACT = PurePosixPath("data/training_rows.npz")


def log_fingerprints(fingerprints: Fingerprints) -> None:
    """Log to the active run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _ARTIFACT.name)
        path.write_bytes(fingerprints.to_bytes())
        mlflow.log_artifact(str(path), str(_ARTIFACT.parent))


def read_fingerprints(run_id: str) -> Fingerprints | None:
    """The hashes that a run logged; None if the run is gone, or logged none."""
    try:
        MlflowClient().get_run(run_id)
        with no_progress_bar():
            path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=str(_ARTIFACT))
        return Fingerprints.from_bytes(Path(path).read_bytes())
    except (MlflowException, OSError, ValueError, KeyError):
        return None
