"""``churn serve``: the hardened server for a registered churn model.

Flags are checked before MLflow is imported, so that ``--help`` and a mistyped flag are quick.
"""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

from churn_model.errors import ChurnError, InvalidParameter, first_line
from churn_model.extras import require_extra

if TYPE_CHECKING:
    from serving.settings import Settings

_REQUIRED_MODULES = (
    "fastapi_swagger",
    "httptools",
    "limits",
    "prometheus_client",
    "pydantic_settings",
    "starlette",
    "uvicorn",
    "uvloop",
)
_INTERRUPTED = 130  # as a shell reports Ctrl-C


def main(arguments: list[str] | None = None, prog: str = "churn serve") -> int:
    """Run the server; 0 after an orderly shutdown, 1 or 130 (interrupted) if it does not start."""
    try:
        require_extra(prog, "serve", *_REQUIRED_MODULES)
        settings = _checked_settings(arguments, prog)
        with _bound_socket(settings) as listener:
            return _run(settings, listener)
    except ChurnError as error:
        print(f"error: {first_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _checked_settings(arguments: list[str] | None, prog: str) -> Settings:
    """The settings, after all checks that need no model. Raises InvalidParameter."""
    from serving.arguments import read_settings
    from serving.certificates import check_certificates
    from serving.http.api_keys import load_keys
    from serving.http.rate_limit import RateLimiter

    settings = read_settings(arguments, prog)
    load_keys(settings.keys_file, settings.keys)
    RateLimiter(
        settings.rate_limit,
        settings.rate_limit_rows,
        settings.rate_limit_storage,
        settings.rate_limit_unauthorized,
    )
    check_certificates(settings)
    if settings.inference_log:
        from serving.inference_log import check_log  # needs pandas

        check_log(settings)
    return settings


def _bound_socket(settings: Settings) -> socket.socket:
    """A socket bound to the host and port. Raises InvalidParameter."""
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


def _run(settings: Settings, listener: socket.socket) -> int:
    from serving.http.logs import configure

    configure(settings.log_level)  # before MLflow is imported, so that it logs JSON from the start
    from serving.server import run

    return run(settings, listener)
