"""Train a model on simulated customers, serve it with MLflow, and score three customers."""

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
from pyfunc.environment import quiet_mlflow
from training.data import SIMULATED_ROWS
from training.train import main as train

HOST = "127.0.0.1"

_START_SECONDS = 120
_STOP_SECONDS = 10

_NEXT_STEPS = """
Next, train on your own table (any CSV or Parquet file with one row per customer):

    . .venv/bin/activate
    churn train --data customers.csv --id CustomerId --target Exited=1
    churn score --input customers.csv --output scores --engine local
    churn serve
    jupyter lab notebooks

The first model trained on a real table replaces this one. `churn --help` lists all commands.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the quickstart; returns the exit code."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        return _run(options.port, options.rows, options.exit)
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped")
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/quickstart", description=__doc__)
    add = parser.add_argument
    add("--exit", action="store_true", help="stop after the customers are scored")
    add("--port", type=int, default=serve.DEFAULT_PORT, help="port of the server (%(default)s)")
    add(
        "--rows",
        type=int,
        default=SIMULATED_ROWS,
        help="number of simulated customers to train on (%(default)s)",
    )
    return parser


def _run(port: int, rows: int, stop_after_scoring: bool) -> int:
    serve.check_port_is_free(HOST, port)
    quiet_mlflow()
    version = registry.version_of_alias()
    if version is None:
        print("\n1. Train on simulated customers and register the model")
        if code := train(["--rows", str(rows)]):
            return code
    else:
        print(f"\n1. {CHAMPION_URI} is registered already: version {version}")
    url = f"http://{HOST}:{port}"
    print(f"\n2. Serve it: mlflow models serve -m {CHAMPION_URI} -p {port} --env-manager local")
    scorer = loaded_version.read_version(CHAMPION_URI).scorer
    with (
        _server(port) as (process, log),
        ChurnClient(url, retries=0, schema=scorer.schema) as client,
    ):
        _wait_until_ready(client, process, log)
        print(f"\n3. Score three customers with {url}/invocations\n")
        print(_score_table(client, _customers(scorer)))
        print(_NEXT_STEPS)
        if stop_after_scoring:
            return 0
        print(f"Serving on {url} until Ctrl-C")
        process.wait()
        raise ServerFailed(f"the server stopped by itself:\n{_last_lines(log)}")


@contextmanager
def _server(port: int) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """MLflow's server in a process group of its own, which is stopped at the end."""
    command = serve.command(CHAMPION_URI, port, host=HOST)
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
            _stop_group(process)


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """Stop the process group: MLflow's parent process does not pass SIGTERM on to its server."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                return
            process.poll()
            time.sleep(0.1)


def _wait_until_ready(
    client: ChurnClient, process: subprocess.Popen[bytes], log: IO[bytes]
) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailed(f"the server did not start:\n{_last_lines(log)}")
        try:
            if client.ping():
                return
        except (Unavailable, TimedOut):
            time.sleep(0.2)
    raise TimedOut(f"the server did not start within {_START_SECONDS} s:\n{_last_lines(log)}")


def _last_lines(log: IO[bytes]) -> str:
    log.seek(0)
    return "\n".join(log.read().decode(errors="replace").splitlines()[-5:])


def _customers(scorer: Scorer) -> list[dict[str, Any]]:
    """The example customers; other required fields have the values of a typical customer."""
    typical = example_customer(scorer)
    required = {column.name: typical[column.name] for column in scorer.schema if column.required}
    return [required | example for example in EXAMPLES]


def _score_table(client: ChurnClient, customers: list[dict[str, Any]]) -> str:
    scores = client.predict(customers, explain=True)
    scores["reasons"] = [_in_words(reasons) for reasons in scores["reasons"]]
    return str(scores.to_string(index=False, float_format="{:.3f}".format))


def _in_words(reasons: list[dict[str, Any]]) -> str:
    return ", ".join(f"{r['feature']} {r['value']} ({r['effect']:+.2f})" for r in reasons)


if __name__ == "__main__":
    sys.exit(main())
