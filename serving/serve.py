"""``churn serve``: the hardened server for a registered churn model."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
from typing import Any

import uvicorn

from churn_model.errors import ChurnError, InvalidParameter
from serving.http.metrics import FOLDER
from serving.http.protocol import BufferedHttpProtocol
from serving.settings import Settings, read_settings


def main(arguments: list[str] | None = None, prog: str = "churn serve") -> int:
    """Run the server; 0 after an orderly end, 1 if it cannot start."""
    try:
        settings = read_settings(arguments, prog)
        listener = _listen(settings)
        with listener:
            return _serve(settings, listener)
    except ChurnError as error:
        print(f"error: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1


def _listen(settings: Settings) -> socket.socket:
    """The bound socket. Raises InvalidParameter if that cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if settings.reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise InvalidParameter(
            f"port {settings.port} on {settings.host} cannot be used ({error.strerror}); choose "
            "another with --port"
        ) from None
    listener.set_inheritable(True)
    return listener


def _serve(settings: Settings, listener: socket.socket) -> int:
    folder = None
    if settings.workers > 1:
        folder = os.environ[FOLDER] = tempfile.mkdtemp(prefix="churn-metrics-")
    try:
        return _run(settings, listener)
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _run(settings: Settings, listener: socket.socket) -> int:
    # imported here: prometheus-client looks for its folder when it is first loaded
    from serving.app import RESOLVED, create_app, worker
    from serving.http.logs import configure
    from serving.served_model import load_model

    configure(settings.log_level)
    served = None
    try:
        served = load_model(settings.model_uri)
    except ChurnError:
        if not settings.wait_for_model:
            raise
    app = create_app(settings, served)
    os.environ[RESOLVED] = settings.model_dump_json()
    one_process = settings.workers == 1 and not settings.reload
    config = uvicorn.Config(
        app if one_process else f"{worker.__module__}:{worker.__name__}",
        factory=not one_process,
        workers=settings.workers,
        reload=settings.reload,
        **_uvicorn_options(settings),
    )
    if settings.reload:
        from uvicorn.supervisors import ChangeReload

        ChangeReload(config, target=uvicorn.Server(config).run, sockets=[listener]).run()
    elif one_process:
        # uvicorn raises the signal that ended it once more, when all is done: an orderly end is 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        uvicorn.Server(config).run(sockets=[listener])
    else:
        from uvicorn.supervisors import Multiprocess

        Multiprocess(config, sockets=[listener]).run()
    return 0


def _uvicorn_options(settings: Settings) -> dict[str, Any]:
    return {
        "loop": "uvloop",
        "http": BufferedHttpProtocol,
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "date_header": True,
        "backlog": 2048,
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": int(settings.grace),
        "proxy_headers": bool(settings.forwarded_allow_ips),
        "forwarded_allow_ips": settings.forwarded_allow_ips,
        "root_path": settings.root_path,
        "ssl_certfile": settings.ssl_certfile,
        "ssl_keyfile": settings.ssl_keyfile,
        "ssl_keyfile_password": settings.ssl_keyfile_password,
        "ssl_ca_certs": settings.ssl_ca_certs,
    }
