"""Where MLflow's tracking server and registry are, and how messages name them."""

from __future__ import annotations

import os

import mlflow

from churn_model.redaction import is_ambiguous, passwords_in, redact, redact_uri

_DATABASE_SERVERS = ("postgresql", "mysql", "mssql")
_SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


def registry_uris() -> list[str]:
    """The URIs of the tracking server and the registry, which are often the same."""
    return list(dict.fromkeys((mlflow.get_tracking_uri(), _registry_uri())))


def _registry_uri() -> str:
    try:
        return str(mlflow.get_registry_uri())
    except ValueError:  # MLflow parses the tracking URI, and it is invalid
        return str(mlflow.get_tracking_uri())


def uses_server() -> bool:
    """Whether the tracking server or the registry is reached over HTTP."""
    return any(_scheme(uri) in ("http", "https") for uri in registry_uris())


def database_servers() -> list[str]:
    """The URIs that are those of a database server. SQLite is a file and has none."""
    return [uri for uri in registry_uris() if _scheme(uri) in _DATABASE_SERVERS]


def _scheme(uri: str) -> str:
    """``postgresql`` for ``postgresql+psycopg://host/db``."""
    return uri.partition(":")[0].partition("+")[0].lower()


def shown_location() -> str:
    """The registry's URI without credentials."""
    return redact_uri(_registry_uri())


def has_credentials() -> bool:
    """Whether exceptions of MLflow and its libraries may contain a password or token."""
    return any(map(os.environ.get, _SECRETS)) or any(redact_uri(u) != u for u in registry_uris())


def hide_credentials(text: str) -> str:
    """A text of MLflow or one of its libraries without passwords and tokens."""
    uris = registry_uris()
    if any(map(is_ambiguous, uris)):
        return "special characters in its user name or password must be percent-encoded"
    for uri in uris:
        text = text.replace(uri, redact_uri(uri))
    secrets = [os.environ.get(name, "").strip() for name in _SECRETS]
    secrets += [password for uri in uris for password in passwords_in(uri)]
    return redact(text, filter(None, secrets))
