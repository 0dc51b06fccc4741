"""``python -m pyfunc.serve``: MLflow's own server for a registered model, checked before it starts.

It runs ``mlflow models serve``. What would otherwise end in MLflow's traceback (no such alias, a
port in use) is found first and said in one line.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys

import mlflow

from churn_model.errors import ChurnError, InvalidParameter
from pyfunc import CHAMPION_URI, registry
from pyfunc.registry_errors import readable_errors

DEFAULT_PORT = 5001


def command(
    uri: str, port: int, *, host: str = "127.0.0.1", env_manager: str = "local"
) -> list[str]:
    """The ``mlflow models serve`` command line.

    Raises RegistryError for a model that is not there, InvalidParameter for a port in use.
    """
    check_port_is_free(host, port)
    registry.check_reachable()
    with readable_errors(uri):
        mlflow.models.get_model_info(uri)
    options = ["-m", uri, "-p", str(port), "-h", host, "--env-manager", env_manager]
    return [sys.executable, "-m", "mlflow", "models", "serve", *options]


def environment() -> dict[str, str]:
    """The environment for the command: this Python's programs first, for MLflow starts uvicorn."""
    programs = os.path.dirname(sys.executable)
    return {**os.environ, "PATH": os.pathsep.join([programs, os.environ.get("PATH", "")])}


def check_port_is_free(host: str, port: int) -> None:
    """Raise InvalidParameter if nothing can listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidParameter(
                f"port {port} on {host} cannot be used ({reason}); choose another with --port"
            ) from None


def main(arguments: list[str] | None = None) -> int:
    """Check, then become the server; returns 1 if it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m pyfunc.serve", description=__doc__)
    parser.add_argument("-m", "--model-uri", default=CHAMPION_URI, help="(%(default)s)")
    parser.add_argument("-p", "--port", type=int, default=DEFAULT_PORT, help="(%(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="(%(default)s)")
    parser.add_argument(
        "--env-manager", default="local", help="local, uv or virtualenv (%(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        serve = command(
            options.model_uri, options.port, host=options.host, env_manager=options.env_manager
        )
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    os.execve(serve[0], serve, environment())


if __name__ == "__main__":
    sys.exit(main())
