"""Logs the hashes of a run's training rows, and reads them again."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from churn_model.errors import RegistryError
from pyfunc.environment import no_progress_bar
from pyfunc.registry_errors import readable_errors
from training.data.fingerprints import Fingerprints

_ARTIFACT = PurePosixPath("data/training_rows.npz")


def log_fingerprints(fingerprints: Fingerprints) -> None:
    """Log to the active run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _ARTIFACT.name)
        path.write_bytes(fingerprints.to_bytes())
        mlflow.log_artifact(str(path), str(_ARTIFACT.parent))


def read_fingerprints(run_id: str) -> Fingerprints | None:
    """The hashes that a run logged; None if the run is gone, or logged none.

    Raises RegistryError if the artifact store does not answer, or the file cannot be read.
    """
    with readable_errors():
        try:
            logged = MlflowClient().list_artifacts(run_id, str(_ARTIFACT.parent))
        except MlflowException as error:
            if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                return None
            raise
        if str(_ARTIFACT) not in [file.path for file in logged]:
            return None
        with no_progress_bar():
            path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=str(_ARTIFACT))
    try:
        return Fingerprints.from_bytes(Path(path).read_bytes())
    except (OSError, ValueError):
        raise RegistryError(
            f"run {run_id}: {_ARTIFACT} cannot be read, so the table cannot be searched for "
            "training customers"
        ) from None
