"""Environment variables and loggers that control how MLflow behaves in our commands."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock

_PROGRESS_BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"

_lock = Lock()
_contexts: Counter[str] = Counter()
"""For each variable that we have set, the number of contexts that still need it."""


@contextmanager
def environment_variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable within a context, unless the user has set it.

    Contexts may overlap, in one thread or in several: the first one sets the variable, and the
    last one to end removes it.
    """
    with _lock:
        is_ours = name in _contexts or name not in os.environ
        if is_ours:
            os.environ.setdefault(name, value)
            _contexts[name] += 1
    try:
        yield
    finally:
        if is_ours:
            _release(name)


def _release(name: str) -> None:
    with _lock:
        _contexts[name] -= 1
        if not _contexts[name]:
            del _contexts[name]
            os.environ.pop(name, None)


def is_set_by_user(name: str) -> bool:
    """Whether a variable is set, other than by ``environment_variable``."""
    with _lock:
        return name in os.environ and name not in _contexts


def no_progress_bar() -> AbstractContextManager[None]:
    """A context in which MLflow shows no progress bar for artifacts, unless the user wants it."""
    return environment_variable(_PROGRESS_BAR, "false")


def quiet_mlflow() -> None:
    """Hide MLflow's progress bars, migrations and links for the rest of the process.

    Errors are still shown, and variables that the user has set stay.
    """
    os.environ.setdefault(_PROGRESS_BAR, "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
