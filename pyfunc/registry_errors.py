"""Translates the exceptions of MLflow and its stores into one-line errors without passwords."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from churn_model.errors import ModelNotFound, RegistryError, first_line
from churn_model.redaction import redact_uri
from pyfunc.registry_location import has_credentials, hide_credentials, shown_location

_NOT_FOUND = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@contextmanager
def readable_errors(uri: str | None = None) -> Iterator[None]:
    """Raise a one-line RegistryError for any exception; ``uri`` is the model that is read."""
    try:
        yield
    except RegistryError:
        raise
    except Exception as error:
        # a traceback would show the text of the cause
        cause = None if has_credentials() else error
        raise _explain(error, uri) from cause


def _explain(error: Exception, uri: str | None) -> RegistryError:
    reason = hide_credentials(first_line(error))
    if uri is not None and getattr(error, "error_code", "") in _NOT_FOUND:
        return ModelNotFound(
            f"{redact_uri(uri)}: no such model at {shown_location()} ({reason}); "
            "train and register one, or set MLFLOW_TRACKING_URI"
        )
    return RegistryError(
        f"the MLflow registry at {shown_location()} cannot be used ({reason}); "
        "check MLFLOW_TRACKING_URI and that the server is running"
    )
