"""Reads a model's data files without running the code that was logged with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.models import Model
from pydantic import ValidationError

from churn_model.errors import SchemaError, first_validation_error
from churn_model.profile import MonitoringProfile
from churn_model.scoring import Scorer
from churn_model.tables.descriptor import TableDescriptor
from pyfunc import CELLS, DATA_TAG, MONITORING_PROFILE, SIMULATED
from pyfunc.deadline import with_deadline
from pyfunc.environment import no_progress_bar
from pyfunc.inference_log import registered_as
from pyfunc.model import SCHEMA, SCORECARD
from pyfunc.registry import check_reachable_for
from pyfunc.registry_errors import readable_errors

_REGISTERED = "models:/"


@dataclass(frozen=True)
class LoadedVersion:
    """A model version that was downloaded to ``folder``.

    ``name``, ``number`` and ``alias`` are None as far as the model is not registered, or was not
    given by alias.
    """

    name: str | None
    number: str | None
    alias: str | None
    folder: Path
    mlflow_model: Model
    scorer: Scorer

    @property
    def is_simulated(self) -> bool:
        """Whether it was trained on simulated customers, so that it is only a placeholder."""
        return bool((self.mlflow_model.metadata or {}).get(DATA_TAG) == SIMULATED)

    def table(self) -> TableDescriptor:
        """The descriptor of a table with the fields' names, and cells written as in training.

        Raises SchemaError for a model whose metadata cannot be read.
        """
        plain = TableDescriptor.plain(self.scorer.schema)
        cells = (self.mlflow_model.metadata or {}).get(CELLS)
        if cells is None:  # simulated customers, or a version from before cells were recorded
            return plain
        try:
            return TableDescriptor.model_validate({**cells, "columns": plain.columns})
        except (ValidationError, TypeError) as error:
            reason = (
                first_validation_error(error) if isinstance(error, ValidationError) else str(error)
            )
            raise SchemaError(f"the model's metadata {CELLS!r} is invalid: {reason}") from None

    def profile(self) -> MonitoringProfile | None:
        """The counts of its training rows; None for a version that was logged without them.

        They are read from the file at each call. Raises ProfileError for a damaged file, and for
        the profile of another scorecard.
        """
        file = _artifact(self.folder, MONITORING_PROFILE)
        if not file.exists():
            return None
        profile = MonitoringProfile.load(file)
        profile.check_match(self.scorer.scorecard)
        return profile


def name_and_alias(uri: str) -> tuple[str | None, str | None]:
    """Name and alias in a ``models:/`` URI; None for what it does not have."""
    if not uri.startswith(_REGISTERED):
        return None, None
    name, _, alias = uri.removeprefix(_REGISTERED).partition("@")
    return name.partition("/")[0], alias or None


def resolve(uri: str) -> tuple[str | None, str | None, str | None]:
    """Name, version and alias of a ``models:/`` URI; three Nones for any other URI.

    Raises RegistryError if there is no such alias, or the registry does not answer.
    """
    if not uri.startswith(_REGISTERED):
        return None, None, None
    name, _, alias = uri.removeprefix(_REGISTERED).partition("@")
    if not alias:
        name, _, version = name.partition("/")
        return name, version or None, None
    with readable_errors(uri):
        found = with_deadline(lambda: MlflowClient().get_model_version_by_alias(name, alias))
    return name, str(found.version), alias


def read_version(uri: str) -> LoadedVersion:
    """Download a model and read its scorecard and schema.

    Raises RegistryError, ScorecardError or SchemaError.
    """
    check_reachable_for(uri)
    name, number, alias = resolve(uri)
    folder = _download(f"{_REGISTERED}{name}/{number}" if alias else uri)
    with readable_errors(uri):
        mlflow_model = Model.load(str(folder))
    if number is None or not number.isdigit():
        name, number = registered_as(folder)
    scorer = Scorer.load(_artifact(folder, SCORECARD), _artifact(folder, SCHEMA))
    return LoadedVersion(name, number, alias, folder, mlflow_model, scorer)


def _artifact(folder: Path, name: str) -> Path:
    return folder / "artifacts" / f"{name}.json"


def _download(uri: str) -> Path:
    with readable_errors(uri), no_progress_bar():
        return Path(mlflow.artifacts.download_artifacts(uri))
