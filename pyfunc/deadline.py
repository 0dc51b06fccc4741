"""Limits how long a short MLflow request may take, so that an unreachable server is soon reported.

By default MLflow retries for several minutes.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import Future, TimeoutError
from contextlib import ExitStack
from functools import partial
from threading import Thread
from typing import TypeVar

from churn_model.errors import RegistryError
from pyfunc.database import connect
from pyfunc.environment import environment_variable, is_set_by_user
from pyfunc.registry_location import database_servers, shown_location, uses_server

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

    Raises RegistryError if a remote server does not answer within DEADLINE seconds. A database
    server must accept a connection in this time; the request itself may take longer, because the
    first one creates the tables. SQLite and folders have no deadline, and neither has an MLflow
    server if the user has set MLflow's retries or timeout.
    """
    check_database_servers()
    has_deadline = uses_server() and not any(map(is_set_by_user, _LIMITS))
    with ExitStack() as stack:
        for name, value in _LIMITS.items():
            stack.enter_context(environment_variable(name, value))
        if has_deadline:
            return _in_thread(request, ", or set MLFLOW_HTTP_REQUEST_TIMEOUT to wait longer")
        return request()


def check_database_servers() -> None:
    """Connect to tracking and registry database, if they are on a server.

    Raises RegistryError if one does not answer within DEADLINE seconds or its driver is not
    installed, otherwise the exception of its driver.
    """
    for uri in database_servers():
        _in_thread(partial(connect, uri))


def _in_thread(request: Callable[[], T], advice: str = "") -> T:
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
            f"the MLflow registry at {shown_location()} did not answer within {DEADLINE:g} s; "
            f"check MLFLOW_TRACKING_URI and that the server is running{advice}"
        ) from None


def _run(request: Callable[[], T], future: Future[T]) -> None:
    try:
        future.set_result(request())
    except BaseException as error:
        future.set_exception(error)
