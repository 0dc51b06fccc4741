"""What MLflow and its stores raise, translated into one-line errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import mlflow

from churn_model.errors import RegistryError


@contextmanager
def readable_errors(uri: str | None = None) -> Iterator[None]:
    """Turn what MLflow and its stores raise into a RegistryError of one line."""
    try:
        yield
    except RegistryError:
        raise
    except Exception as error:
        raise RegistryError(_explain(error, uri)) from error


def _explain(error: Exception, uri: str | None) -> str:
    first = (str(error).splitlines() or [""])[0]
    if uri is not None and getattr(error, "error_code", "") in (
        "RESOURCE_DOES_NOT_EXIST",
        "INVALID_PARAMETER_VALUE",
    ):
        return (
            f"{uri}: no such model at {mlflow.get_registry_uri()} ({first}); "
            "train and register one, or set MLFLOW_TRACKING_URI"
        )
    return (
        f"the MLflow registry at {mlflow.get_registry_uri()} does not answer as it should "
        f"({first}); check MLFLOW_TRACKING_URI and that the server runs"
    )
