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
from pyfunc.model import SCHEMA, SCORECARD
from pyfunc.registry_errors import readable_errors

_REGISTERED = "models:/"


@dataclass(frozen=True)
class Version:
    """One version of a model. ``folder`` is where it was downloaded to."""

    name: str | None
    number: str | None
    alias: str | None
    folder: Path
    card: Model
    scorer: Scorer


def resolve(uri: str) -> tuple[str | None, str | None, str | None]:
    """Name, version and alias of a ``models:/`` URI, asked of the registry; else three Nones."""
    if not uri.startswith(_REGISTERED):
        return None, None, None
    name, _, alias = uri.removeprefix(_REGISTERED).partition("@")
    if not alias:
        name, _, version = name.partition("/")
        return name, version or None, None
    found = MlflowClient().get_model_version_by_alias(name, alias)
    return name, str(found.version), alias


def read(uri: str) -> Version:
    """Download a model and read its scorecard and schema.

    Raises RegistryError, ScorecardError or SchemaError.
    """
    with readable_errors(uri):
        name, number, alias = resolve(uri)
        source = f"{_REGISTERED}{name}/{number}" if alias else uri
        folder = Path(mlflow.artifacts.download_artifacts(source))
        card = Model.load(str(folder))
    if number is None or not number.isdigit():
        name, number = _noted(folder)
    files = {key: folder / "artifacts" / f"{key}.json" for key in (SCORECARD, SCHEMA)}
    scorer = Scorer.load(files[SCORECARD], files[SCHEMA])
    return Version(name, number, alias, folder, card, scorer)


def _noted(folder: Path) -> tuple[str | None, str | None]:
    """Name and version of a downloaded model, as in an image; MLflow notes them beside it."""
    file = folder / REGISTERED_MODEL_META_FILE_NAME
    noted = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return noted.get("model_name"), str(noted["model_version"]) if noted else None
