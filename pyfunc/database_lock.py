"""Lets one process at a time create an MLflow database in a file."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_SQLITE = "sqlite:///"


@contextmanager
def database_lock() -> Iterator[None]:
    """Wait while another of this project's processes opens the same SQLite database.

    The first to open it creates its tables. Two that do so at once both fail, and MLflow does not
    prevent it.
    """
    uri = mlflow.get_tracking_uri()
    if fcntl is None or not uri.startswith(_SQLITE):
        yield
        return
    path = os.path.realpath(uri.removeprefix(_SQLITE).partition("?")[0])
    name = f"churn-{hashlib.sha256(path.encode()).hexdigest()[:16]}.lock"
    handle = os.open(Path(tempfile.gettempdir(), name), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # ends with the process
        yield
    finally:
        os.close(handle)
