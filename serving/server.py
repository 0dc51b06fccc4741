"""Runs the application in uvicorn: in one process, in several workers, or reloading the code."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.supervisors import ChangeReload, Multiprocess

from pyfunc.environment import quiet_mlflow
from serving.app import create_app
from serving.http.connections import ConnectionLimits, ConnectionWatch
from serving.http.metrics import FOLDER_VARIABLE
from serving.http.protocol import LimitedHttpProtocol
from serving.http.tls import ServerConfig
from serving.inference_log import open_log
from serving.served_model import load_if_available, load_model
from serving.settings import Settings
from serving.shared_version import SharedVersion
from serving.worker import SETTINGS_VARIABLE, worker

_IDLE_SECONDS = 75.0
"""Longer than proxies usually keep an unused connection, so that they close it first."""

_OTHER_FILES = 64
"""Open files that a worker needs besides its connections."""


def run(settings: Settings, listener: socket.socket) -> int:
    """Serve on a bound socket until a signal ends it; returns 0.

    Raises RegistryError, ScorecardError or SchemaError if the model cannot be loaded, unless
    ``settings.wait_for_model``.
    """
    quiet_mlflow()
    if settings.workers == 1 and not settings.reload:
        _run_here(settings, listener)
    else:
        _run_workers(settings, listener)
    return 0


def _run_here(settings: Settings, listener: socket.socket) -> None:
    load = load_if_available if settings.wait_for_model else load_model
    app = create_app(settings, load(settings.model_uri))
    # uvicorn raises the signal that ended it again after shutdown, which would change the exit code
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.Server(ServerConfig(app, **uvicorn_options(settings))).run(sockets=[listener])


def _run_workers(settings: Settings, listener: socket.socket) -> None:
    """Serve from child processes, each of which loads the model for itself."""
    first = None
    if not settings.wait_for_model:  # a model that cannot be loaded is reported once, here
        first = load_model(settings.model_uri)
        first.logged_in(open_log(settings))
    os.environ[SETTINGS_VARIABLE] = settings.model_dump_json()
    config = ServerConfig(
        f"{worker.__module__}:{worker.__name__}",
        factory=True,
        workers=settings.workers,
        reload=settings.reload,
        **uvicorn_options(settings),
    )
    with _shared_folder() as folder:
        if first is not None and first.version is not None:
            SharedVersion(folder).settle(first.version)
        if settings.reload:
            ChangeReload(config, target=uvicorn.Server(config).run, sockets=[listener]).run()
        else:
            Multiprocess(config, sockets=[listener]).run()


@contextmanager
def _shared_folder() -> Iterator[Path]:
    """A folder in which the workers share metrics and version, named in their environment."""
    folder = os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="churn-serve-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def uvicorn_options(settings: Settings) -> dict[str, Any]:
    """The arguments of ``ServerConfig``."""
    return {
        "loop": "uvloop",
        "http": partial(LimitedHttpProtocol, watch=ConnectionWatch(_connection_limits(settings))),
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "date_header": True,
        "backlog": 2048,
        "timeout_graceful_shutdown": int(settings.grace),
        "proxy_headers": bool(settings.forwarded_allow_ips),
        "forwarded_allow_ips": settings.forwarded_allow_ips,
        "ssl_certfile": settings.ssl_certfile,
        "ssl_keyfile": settings.ssl_keyfile,
        "ssl_keyfile_password": settings.ssl_keyfile_password,
        "ssl_ca_certs": settings.ssl_ca_certs,
        "ssl_cert_reqs": ssl.CERT_REQUIRED if settings.ssl_ca_certs else ssl.CERT_NONE,
    }


def _connection_limits(settings: Settings) -> ConnectionLimits:
    """The limits of connections; there are never more than the process may open files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = settings.max_connections
    if files != resource.RLIM_INFINITY:  # which is -1
        count = max(1, min(count, files - _OTHER_FILES))
    return ConnectionLimits(
        count=count,
        head_bytes=settings.max_headers,
        head_seconds=settings.header_timeout,
        idle_seconds=_IDLE_SECONDS,
        write_seconds=settings.write_timeout,
        unread_bytes=settings.max_unread,
    )
