"""Checks that the MLflow registry can be used, before anything slow is done."""

from __future__ import annotations

import atexit
import gc
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from churn_model.errors import RegistryError
from pyfunc.deadline import check_database_servers
from pyfunc.environment import quiet_mlflow
from pyfunc.registry import check_reachable
from pyfunc.registry_errors import readable_errors
from pyfunc.registry_location import registry_uris, uses_server

_SQLITE = "sqlite:///"


def start_mlflow() -> None:
    """Prepare a command: silence MLflow's log, and check that its registry can be used.

    Raises RegistryError. At the end, the process does not search the millions of objects of all
    imported libraries for reference cycles, which takes a second and more.
    """
    atexit.register(gc.freeze)
    quiet_mlflow()
    check_location()


def check_location() -> None:
    """Raise RegistryError if MLflow's database cannot be written, or its server does not answer.

    Unlike ``pyfunc.registry.check_reachable`` it does not create a database or its tables, which
    takes MLflow seconds.
    """
    for uri in registry_uris():
        if uri.startswith(_SQLITE):
            _check_writable(Path(uri.removeprefix(_SQLITE).partition("?")[0]))
    with readable_errors():
        check_database_servers()
    if uses_server():
        check_reachable()


def _check_writable(database: Path) -> None:
    """Raise RegistryError if a database cannot be written. MLflow itself retries for minutes."""
    try:
        if database.exists():
            _begin_transaction(database)
        else:
            database.parent.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=database.parent).close()
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RegistryError(
            f"the MLflow database {database} cannot be written ({reason}); set "
            "MLFLOW_TRACKING_URI, or work in a folder that is writable"
        ) from None


def _begin_transaction(database: Path) -> None:
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):  # locked: another process is writing right now
                raise
