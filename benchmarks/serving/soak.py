"""Puts a server through swaps, an outage and a restart under load, and counts failed requests.

While 32 connections send requests without a pause, the alias moves ten times between two versions,
the registry becomes unreachable, and another server takes over the port. Then the memory is
measured over many requests (with wrk, from Debian's packages). Exits with 1 if a request failed or
a reply mixed versions.

Usage: python benchmarks/serving/soak.py [--seconds S] [--connections N] [--requests N]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import mlflow
import requests
from local_registry import CUSTOMER, create_registry
from mlflow import MlflowClient

from churn_model.client import ChurnClient
from churn_model.schema import CUSTOMER_SCHEMA
from pyfunc import registry
from pyfunc.logging import log_model
from training.data.simulator import simulate
from training.fitting.fit import fit

MOVES = 10


class Callers:
    """Threads that post without a pause, one connection each, and record every reply."""

    def __init__(self, url: str, connections: int) -> None:
        self.url = url
        self.ended = threading.Event()
        self.failures: list[str] = []
        self.replies: set[tuple[str, tuple[float, ...]]] = set()
        self.counts = [0] * connections
        self.threads = [threading.Thread(target=self._post, args=(i,)) for i in range(connections)]
        for thread in self.threads:
            thread.start()

    def _post(self, index: int) -> None:
        with ChurnClient(self.url, retries=5) as client:
            request = json.dumps({"customers": [CUSTOMER] * 3}).encode()
            while not self.ended.is_set():
                try:
                    reply = client._transport.post_json("/predict", request)
                    reply.raise_for_status()
                    content = reply.json()
                    self.replies.add((content["model_version"], tuple(content["probabilities"])))
                    self.counts[index] += 1
                except Exception as error:
                    self.failures.append(repr(error))

    def end(self) -> None:
        """Stop, and wait for the last replies."""
        self.ended.set()
        for thread in self.threads:
            thread.join()


def register_two(folder: Path) -> Path:
    """Make a registry with two versions that score differently; returns its database."""
    database = folder / "mlflow.db"
    create_registry(folder)
    simulation = simulate(2000, seed=0)
    scorecard = fit(simulation.customers, simulation.churned, CUSTOMER_SCHEMA).scorecard
    for shift in (0.0, 1.0):
        changed = scorecard.model_copy(update={"intercept": scorecard.intercept + shift})
        with mlflow.start_run():
            info = log_model(changed, CUSTOMER_SCHEMA, simulation.customers.head(3))
            registry.register(info)
    return database


def serve(port: int, database: Path) -> subprocess.Popen:
    """The process of a server that is ready to reply."""
    with open(database.parent / "err", "wb") as err:
        flags = ["-p", str(port), "--reuse-port", "--reload-interval", "0.2"]
        process = subprocess.Popen(
            [sys.executable, "-m", "serving", *flags],
            env=os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{database}"},
            stdout=subprocess.DEVNULL,
            stderr=err,
        )
    for _ in range(600):
        if b"Application startup complete" in (database.parent / "err").read_bytes():
            return process
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit((database.parent / "err").read_text())


def disturb(port: int, database: Path, seconds: int, connections: int) -> bool:
    """Move the alias, remove the registry, replace the server; True if no request failed."""
    first = serve(port, database)
    callers = Callers(f"http://127.0.0.1:{port}", connections)
    step = seconds * 0.6 / MOVES
    for move in range(MOVES):
        MlflowClient().set_registered_model_alias("churn", "champion", str(1 + move % 2))
        time.sleep(step)
    gone = database.with_suffix(".gone")
    database.rename(gone)
    time.sleep(seconds * 0.2)
    database.unlink(missing_ok=True)  # SQLite creates an empty file if there is none
    gone.rename(database)
    second = serve(port, database)
    first.send_signal(signal.SIGTERM)
    code = first.wait(60)
    time.sleep(seconds * 0.2)
    callers.end()
    second.send_signal(signal.SIGTERM)
    second.wait(60)
    versions = sorted({version for version, _ in callers.replies})
    print(
        f"{sum(callers.counts):,} requests over {connections} connections, versions {versions}, "
        f"{len(callers.failures)} failed, {len(callers.replies) - len(versions)} mixed, "
        f"the first server exited {code}"
    )
    for failure in callers.failures[:5]:
        print(failure)
    return not callers.failures and len(callers.replies) == len(versions) and code == 0


def memory(port: int, database: Path, total: int) -> None:
    """Print the resident memory as the number of requests grows."""
    server = serve(port, database)
    body = '{"customer_id":"C1","age":42,"tenure":12,"monthly_charges":70.5}'
    script = database.parent / "request.lua"
    script.write_text(
        f"wrk.method='POST'\nwrk.body='{body}'\nwrk.headers['Content-Type']='application/json'"
    )
    url = f"http://127.0.0.1:{port}/predict/single"
    try:
        while (done := _served(port)) < total:
            print(f"{done:>9,} requests: {_resident(server.pid):.1f} MiB", flush=True)
            subprocess.run(
                ["wrk", "-t1", "-c16", "-d3s", "-s", str(script), url],
                stdout=subprocess.DEVNULL,
                check=True,
            )
        print(f"{done:>9,} requests: {_resident(server.pid):.1f} MiB")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def _served(port: int) -> int:
    text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    lines = [line for line in text.splitlines() if line.startswith("churn_rows_scored_total ")]
    return int(float(lines[0].split()[1]))


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def main() -> int:
    """Run both; 0 if no request failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="duration of the load")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument(
        "--requests",
        type=int,
        default=200_000,
        help="number of requests over which memory is measured",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        probe.bind(("127.0.0.1", 0))  # never listens; it only reserves the port
        port = probe.getsockname()[1]
        database = register_two(Path(name))
        passed = disturb(port, database, options.seconds, options.connections)
        memory(port, database, options.requests)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
