"""``python -m pyfunc.serve``: MLflow's own server for a registered model, checked before it starts.

It runs ``mlflow models serve``. A missing model or a port in use, which would end in a traceback of
MLflow, is found first and reported in one line.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys

from churn_model.errors import ChurnError, InvalidParameter
from pyfunc import CHAMPION_URI

DEFAULT_PORT = 5001


def command(
    uri: str, port: int, *, host: str = "127.0.0.1", env_manager: str = "local"
) -> list[str]:
    """The command line of ``mlflow models serve``.

    Raises RegistryError for a model that is not registered, InvalidParameter for a port in use.
    """
    check_port_is_free(host, port)
    _check_model(uri)
    options = ["-m", uri, "-p", str(port), "-h", host, "--env-manager", env_manager]
    return [sys.executable, "-m", "mlflow", "models", "serve", *options]


def environment() -> dict[str, str]:
    """The environment for the command; MLflow finds uvicorn next to this Python."""
    programs = os.path.dirname(sys.executable)
    return {**os.environ, "PATH": os.pathsep.join([programs, os.environ.get("PATH", "")])}


def check_port_is_free(host: str, port: int) -> None:
    """Raise InvalidParameter if no server can listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidParameter(
                f"port {port} on {host} cannot be used ({reason}); choose another with --port"
            ) from None


def _check_model(uri: str) -> None:
    import mlflow  # takes seconds

    from pyfunc import registry
    from pyfunc.environment import quiet_mlflow
    from pyfunc.registry_errors import readable_errors

    quiet_mlflow()
    registry.check_reachable()
    with readable_errors(uri):
        mlflow.models.get_model_info(uri)


def main(arguments: list[str] | None = None) -> int:
    """Check the model and the port, then become the server; returns 1 if it cannot start."""
    options = _parser().parse_args(arguments)
    try:
        serve = command(
            options.model_uri, options.port, host=options.host, env_manager=options.env_manager
        )
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    os.execve(serve[0], serve, environment())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pyfunc.serve",
        description="Serve a registered model with `mlflow models serve`.",
    )
    add = parser.add_argument
    add("-m", "--model-uri", default=CHAMPION_URI, help="the model (%(default)s)")
    add("-p", "--port", type=int, default=DEFAULT_PORT, help="port to listen on (%(default)s)")
    add("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    add("--env-manager", default="local", help="local, uv or virtualenv (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
