"""Limits how long a short MLflow request may take, so that an unreachable server is soon reported.

By default MLflow retries for several minutes.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import Future, TimeoutError
from contextlib import ExitStack
from threading import Thread
from typing import TypeVar
from urllib.parse import urlsplit

import mlflow

from churn_model.errors import RegistryError
from pyfunc.environment import environment_variable, is_set_by_user

DEADLINE = 6.0
"""Seconds after which a server counts as unreachable.

With the time to import MLflow, a command then reports it within 10 seconds.
"""

_LIMITS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # of connections that fail at once
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(round(DEADLINE)),
}
T = TypeVar("T")


def with_deadline(request: Callable[[], T]) -> T:
    """The result of a request to the tracking server or the registry.

    Raises RegistryError if a remote server does not answer within DEADLINE seconds. Databases and
    folders have no deadline, and neither has a server if the user has set MLflow's retries or
    timeout.
    """
    has_deadline = uses_server() and not any(map(is_set_by_user, _LIMITS))
    with ExitStack() as stack:
        for name, value in _LIMITS.items():
            stack.enter_context(environment_variable(name, value))
        return _in_thread(request) if has_deadline else request()


def uses_server() -> bool:
    """Whether the tracking server or the registry is reached over HTTP."""
    uris = (mlflow.get_tracking_uri(), mlflow.get_registry_uri())
    return any(urlsplit(uri).scheme in ("http", "https") for uri in uris)


def _in_thread(request: Callable[[], T]) -> T:
    """Wait for the request in a daemon thread, which may be left behind.

    MLflow's timeout is not a deadline: it starts again for each retry and for each address of the
    host, and does not include the look-up of the host's name.
    """
    future: Future[T] = Future()
    context = contextvars.copy_context()
    Thread(target=context.run, args=(_run, request, future), daemon=True).start()
    try:
        return future.result(DEADLINE)
    except TimeoutError:
        if future.done():  # the request itself raised it
            raise
        raise RegistryError(
            f"the MLflow registry at {mlflow.get_registry_uri()} did not answer within "
            f"{DEADLINE:g} s; check MLFLOW_TRACKING_URI and that the server is running, or set "
            "MLFLOW_HTTP_REQUEST_TIMEOUT to wait longer"
        ) from None


def _run(request: Callable[[], T], future: Future[T]) -> None:
    try:
        future.set_result(request())
    except BaseException as error:
        future.set_exception(error)
