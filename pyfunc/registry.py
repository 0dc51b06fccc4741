"""The MLflow registry: registers and loads model versions, and looks up aliases."""

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
from pyfunc.database_lock import database_lock
from pyfunc.deadline import with_deadline
from pyfunc.registry_errors import readable_errors
from pyfunc.registry_location import database_servers, uses_server

_MLFLOW_SCHEMES = ("models:/", "runs:/")


def register(
    info: ModelInfo,
    *,
    name: str = MODEL_NAME,
    alias: str = CHAMPION,
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> ModelVersion:
    """Register a logged model as a new version of ``name``, and set ``alias`` to it.

    If the alias cannot be set, the version is deleted again.
    """
    with readable_errors():
        client = MlflowClient()
        with redirect_stderr(io.StringIO()):  # MLflow prints what our commands report themselves
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
    """Load a registered model with ``mlflow.pyfunc.load_model``. Raises RegistryError."""
    check_reachable_for(uri)
    with readable_errors(uri):
        return cast(PyFuncModel, mlflow.pyfunc.load_model(uri))


def version_of_alias(name: str = MODEL_NAME, alias: str = CHAMPION) -> str | None:
    """The version that an alias points to, or None. Raises RegistryError."""
    with readable_errors():
        models = with_deadline(lambda: MlflowClient().search_registered_models(f"name = '{name}'"))
        version = models[0].aliases.get(alias) if models else None
        return None if version is None else str(version)


def check_reachable() -> None:
    """Raise RegistryError within 10 seconds if tracking server or registry does not answer."""
    with readable_errors(), database_lock():
        with_deadline(_request_one_row)


def check_reachable_for(uri: str) -> None:
    """Call ``check_reachable`` if reading a model takes requests to a remote server."""
    if uri.startswith(_MLFLOW_SCHEMES) and (uses_server() or database_servers()):
        check_reachable()


def _request_one_row() -> None:
    client = MlflowClient()
    client.search_experiments(max_results=1)
    client.search_registered_models(max_results=1)
