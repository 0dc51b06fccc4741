"""The MLflow registry: register a version, load one, look up aliases."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import redirect_stderr
from typing import cast

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models.model import ModelInfo
from mlflow.pyfunc import PyFuncModel

from pyfunc import CHAMPION, CHAMPION_URI, MODEL_NAME
from pyfunc.environment import environment_variable
from pyfunc.registry_errors import readable_errors


def register(
    info: ModelInfo,
    *,
    name: str = MODEL_NAME,
    alias: str = CHAMPION,
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> ModelVersion:
    """Register a logged model as a new version of ``name`` and point ``alias`` at it.

    Either both happen or neither: a version that could not get its alias is deleted again.
    """
    with readable_errors():
        client = MlflowClient()
        with redirect_stderr(io.StringIO()):  # where it prints what the caller will say better
            registered = mlflow.register_model(info.model_uri, name, tags=dict(tags or {}))
        try:
            if description:
                client.update_model_version(name, registered.version, description)
            client.set_registered_model_alias(name, alias, registered.version)
        except MlflowException:
            client.delete_model_version(name, registered.version)
            raise
        return registered


def load(uri: str = CHAMPION_URI) -> PyFuncModel:
    """Load a registered model. Raises RegistryError with one line that says what to do."""
    with readable_errors(uri):
        return cast(PyFuncModel, mlflow.pyfunc.load_model(uri))


def version_of_alias(name: str = MODEL_NAME, alias: str = CHAMPION) -> str | None:
    """The version that an alias points at, or None where there is none."""
    with readable_errors():
        models = MlflowClient().search_registered_models(f"name = '{name}'")
        found = models[0].aliases.get(alias) if models else None
        return None if found is None else str(found)


def check_reachable() -> None:
    """Ask tracking server and registry for one row each, with one retry. Raises RegistryError."""
    # MLflow's seven retries take two minutes to find that nobody is there
    with environment_variable("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1"), readable_errors():
        client = MlflowClient()
        client.search_experiments(max_results=1)
        client.search_registered_models(max_results=1)
