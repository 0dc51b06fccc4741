"""Connects to a database server, without MLflow's own attempts, which go on for minutes."""

from __future__ import annotations

from churn_model.errors import RegistryError
from churn_model.redaction import redact_uri

_PACKAGES = {
    "MySQLdb": "mysqlclient",
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
}
"""The packages that contain database drivers, where their names differ."""


def connect(uri: str) -> None:
    """Open and close a connection. Creates no tables.

    Raises RegistryError if the database driver is not installed, otherwise the driver's exception.
    """
    from mlflow.store.db.utils import create_sqlalchemy_engine  # takes a second

    try:
        engine = create_sqlalchemy_engine(uri)  # type: ignore[no-untyped-call]
    except ModuleNotFoundError as error:
        package = _PACKAGES.get(str(error.name), error.name)
        raise RegistryError(
            f"the MLflow registry at {redact_uri(uri)} needs a database driver that is not "
            f'installed: pip install "{package}"'
        ) from None
    try:
        engine.connect().close()
    finally:
        engine.dispose()
