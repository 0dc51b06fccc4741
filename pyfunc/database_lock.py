"""Lets one process at a time create an MLflow database in a file."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow

from churn_model.file_lock import SUPPORTED, locked

_SQLITE = "sqlite:///"


@contextmanager
def database_lock() -> Iterator[None]:
    """Wait while another of this project's processes opens the same SQLite database.

    The first to open it creates its tables. Two that do so at once both fail, and MLflow does not
    prevent it.
    """
    uri = mlflow.get_tracking_uri()
    if not SUPPORTED or not uri.startswith(_SQLITE):
        yield
        return
    path = os.path.realpath(uri.removeprefix(_SQLITE).partition("?")[0])
    name = f"churn-{hashlib.sha256(path.encode()).hexdigest()[:16]}.lock"
    with locked(Path(tempfile.gettempdir(), name)):
        yield
