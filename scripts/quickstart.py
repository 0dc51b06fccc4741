"""Train on the built-in customers, serve with MLflow, score three customers over HTTP."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from churn_model.client import ChurnClient
from churn_model.errors import ChurnError, ServerFailed, TimedOut, Unavailable
from churn_model.schema import EXAMPLES
from churn_model.scoring import Scorer
from churn_model.scoring.example import example_customer
from pyfunc import CHAMPION_URI, loaded_version, registry, serve
from training.train import main as train

_START_SECONDS = 120
_STOP_SECONDS = 10


def main() -> int:
    """Run the tour; returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/quickstart", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="stop after the table")
    parser.add_argument(
        "--port", type=int, default=serve.DEFAULT_PORT, help="of the server (%(default)s)"
    )
    options = parser.parse_args()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, frame: sys.exit(128 + number))
    try:
        return _tour(options.port, options.exit)
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped")
        return 0


def _tour(port: int, leave: bool) -> int:
    serve.check_port_is_free("127.0.0.1", port)
    version = registry.version_of_alias()
    if version is None:
        print("\n1. train on simulated customers and register the model")
        if code := train([]):
            return code
    else:
        print(f"\n1. use the registered {CHAMPION_URI}, version {version}")
    print(f"\n2. mlflow models serve -m {CHAMPION_URI} -p {port} --env-manager local")
    url = f"http://127.0.0.1:{port}"
    scorer = loaded_version.read_version(CHAMPION_URI).scorer
    client = ChurnClient(url, retries=0, schema=scorer.schema)
    with _server(port) as (process, log), client:
        _wait_for(client, process, log)
        print(f"\n3. three customers, scored by {url}/invocations\n")
        print(_table(client, _customers(scorer)))
        if leave:
            return 0
        print(f"\nserving on {url} until Ctrl-C")
        process.wait()
        raise ServerFailed(f"the server ended by itself:\n{_tail(log)}")


@contextmanager
def _server(port: int) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """MLflow's server in a process group of its own, which is gone when this ends."""
    command = serve.command(CHAMPION_URI, port)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            env=serve.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process, log
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the group: MLflow's parent process does not pass SIGTERM on to its server."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            try:
                os.killpg(process.pid, ending)
            except ProcessLookupError:
                return
            process.poll()
            time.sleep(0.1)


def _wait_for(client: ChurnClient, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailed(f"the server did not start:\n{_tail(log)}")
        try:
            if client.ping():
                return
        except (Unavailable, TimedOut):
            time.sleep(0.2)
    raise TimedOut(f"the server did not start within {_START_SECONDS} s:\n{_tail(log)}")


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    return "\n".join(log.read().decode(errors="replace").splitlines()[-5:])


def _customers(scorer: Scorer) -> list[dict[str, Any]]:
    """The examples; what the model requires beside is taken from a customer in the middle."""
    middle = example_customer(scorer)
    required = {column.name: middle[column.name] for column in scorer.schema if column.required}
    return [required | each for each in EXAMPLES]


def _table(client: ChurnClient, customers: list[dict[str, Any]]) -> str:
    scores = client.predict(customers, explain=True)
    scores["reasons"] = [_words(reasons) for reasons in scores["reasons"]]
    return str(scores.to_string(index=False, float_format="{:.3f}".format))


def _words(reasons: list[dict[str, Any]]) -> str:
    return ", ".join(f"{r['feature']} {r['value']} ({r['effect']:+.2f})" for r in reasons)


if __name__ == "__main__":
    sys.exit(main())
