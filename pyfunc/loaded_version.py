"""A model's data, read without running any of the code that travels with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mlflow
import yaml
from mlflow import MlflowClient
from mlflow.models import Model
from mlflow.store.artifact.models_artifact_repo import REGISTERED_MODEL_META_FILE_NAME

from churn_model.scoring import Scorer
from pyfunc import DATA_TAG, SIMULATED
from pyfunc.model import SCHEMA, SCORECARD
from pyfunc.registry_errors import readable_errors

_REGISTERED = "models:/"


@dataclass(frozen=True)
class LoadedVersion:
    """A version of a model, read from ``folder``, where it was downloaded to."""

    name: str | None
    number: str | None
    alias: str | None
    folder: Path
    mlflow_model: Model
    scorer: Scorer

    @property
    def is_simulated(self) -> bool:
        """Whether it was trained on simulated customers, and so is a placeholder."""
        return bool((self.mlflow_model.metadata or {}).get(DATA_TAG) == SIMULATED)


def resolve(uri: str) -> tuple[str | None, str | None, str | None]:
    """Name, version and alias of a ``models:/`` URI; three Nones for any other URI."""
    if not uri.startswith(_REGISTERED):
        return None, None, None
    name, _, alias = uri.removeprefix(_REGISTERED).partition("@")
    if not alias:
        name, _, version = name.partition("/")
        return name, version or None, None
    found = MlflowClient().get_model_version_by_alias(name, alias)
    return name, str(found.version), alias


def read_version(uri: str) -> LoadedVersion:
    """Download a model and read its scorecard and schema.

    Raises RegistryError, ScorecardError or SchemaError.
    """
    with readable_errors(uri):
        name, number, alias = resolve(uri)
        source = f"{_REGISTERED}{name}/{number}" if alias else uri
        folder = Path(mlflow.artifacts.download_artifacts(source))
        mlflow_model = Model.load(str(folder))
    if number is None or not number.isdigit():
        name, number = _registered_as(folder)
    files = {key: folder / "artifacts" / f"{key}.json" for key in (SCORECARD, SCHEMA)}
    scorer = Scorer.load(files[SCORECARD], files[SCHEMA])
    return LoadedVersion(name, number, alias, folder, mlflow_model, scorer)


def _registered_as(folder: Path) -> tuple[str | None, str | None]:
    """Name and version of a downloaded model, from the file that MLflow puts next to it."""
    file = folder / REGISTERED_MODEL_META_FILE_NAME
    recorded = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return recorded.get("model_name"), str(recorded["model_version"]) if recorded else None
