"""Translates the exceptions of MLflow and its stores into one-line errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import mlflow

from churn_model.errors import RegistryError, first_line

_NOT_FOUND = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@contextmanager
def readable_errors(uri: str | None = None) -> Iterator[None]:
    """Raise a one-line RegistryError for any exception; ``uri`` is the model that is read."""
    try:
        yield
    except RegistryError:
        raise
    except Exception as error:
        raise RegistryError(_explain(error, uri)) from error


def _explain(error: Exception, uri: str | None) -> str:
    reason = first_line(error)
    if uri is not None and getattr(error, "error_code", "") in _NOT_FOUND:
        return (
            f"{uri}: no such model at {mlflow.get_registry_uri()} ({reason}); "
            "train and register one, or set MLFLOW_TRACKING_URI"
        )
    return (
        f"the MLflow registry at {mlflow.get_registry_uri()} cannot be used ({reason}); "
        "check MLFLOW_TRACKING_URI and that the server is running"
    )
