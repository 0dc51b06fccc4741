"""Measures what an inference log costs: throughput, CPU time and bytes per logged row.

Servers with and without a log run side by side, with one worker each on core 0, API keys and rate
limits; wrk (Debian: apt-get install wrk) runs on core 1 and posts different customers to
/predict/single. The servers take turns in each round. They are started several times, because the
throughput of two processes of the same server differs by several percent; the standard error is
that of the mean over the starts.

Usage: python benchmarks/monitoring/log_overhead.py [--levels LEVEL ...] [--starts N]
    [--seconds S] [--rounds N] [--connections N]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
import numpy as np
import pyarrow.parquet as pq
import requests

from churn_model.schema import CUSTOMER_SCHEMA
from pyfunc import registry
from pyfunc.logging import log_model
from serving.http.api_keys import make
from training.data.table import simulated_table
from training.fitting.fit import fit

CUSTOMERS = 1000
WITHOUT = "no log"
LEVELS = ("counts", "scores", "values")
LIMITS = ["--rate-limit", "100000000/minute", "--rate-limit-rows", "100000000000/minute"]
_CLOCK = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A running server, and what was measured of it in each round since its start."""

    name: str
    port: int
    process: subprocess.Popen
    rates: list[float] = field(default_factory=list)
    microseconds: list[float] = field(default_factory=list)

    def cpu_seconds(self) -> float:
        """User and system time of the process so far, in all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK


def register_model(folder: Path) -> tuple[str, list[dict]]:
    """A registry with a champion in a folder: its tracking URI, and customers to score."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    artifacts = (folder / "runs").as_uri()
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("benchmark", artifacts))
    table = simulated_table(10_000, 0)
    customers = table.customers
    scorecard = fit(customers, table.churned, CUSTOMER_SCHEMA).scorecard
    with mlflow.start_run():
        registry.register(log_model(scorecard, CUSTOMER_SCHEMA, customers.head(3)))
    frame = customers.head(CUSTOMERS)
    return uri, frame.astype(object).where(frame.notna(), None).to_dict("records")


def start(name: str, port: int, folder: Path, environment: dict[str, str]) -> Server:
    """A server with this level of logging on core 0, ready to reply."""
    command = [sys.executable, "-m", "serving", "-p", str(port), *LIMITS]
    if name != WITHOUT:
        command += ["--inference-log", str(folder / name), "--inference-log-level", name]
        command += ["--inference-log-key", str(folder / "key")]
    process = subprocess.Popen(
        ["taskset", "-c", "0", *command],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for _ in range(300):
        try:
            requests.get(f"http://127.0.0.1:{port}/ping", timeout=5)
            return Server(name, port, process)
        except requests.ConnectionError:
            time.sleep(0.2)
    raise SystemExit(f"the server for {name!r} did not start")


def write_script(folder: Path, customers: list[dict], key: str) -> Path:
    """A script for wrk that posts the customers in turn."""
    bodies = ",\n".join(f"[==[{json.dumps(customer)}]==]" for customer in customers)
    script = folder / "request.lua"
    script.write_text(
        "wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\n"
        f"wrk.headers['X-API-Key'] = '{key}'\n"
        f"local bodies = {{{bodies}}}\nlocal i = 0\n"
        "request = function()\n  i = i % #bodies + 1\n"
        "  return wrk.format(nil, nil, nil, bodies[i])\nend\n"
    )
    return script


def measure(server: Server, script: Path, connections: int, seconds: int) -> None:
    """One run of wrk; adds requests per second and CPU time per request."""
    url = f"http://127.0.0.1:{server.port}/predict/single"
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    before = server.cpu_seconds()
    text = subprocess.run(
        [*command, "-s", str(script), url], capture_output=True, text=True, check=True
    ).stdout
    used = server.cpu_seconds() - before
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"{server.name}: {text}")
    total = int(re.search(r"(\d+) requests in", text)[1])
    server.rates.append(float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]))
    server.microseconds.append(used / total * 1e6)


def bytes_per_row(folder: Path) -> tuple[float, float]:
    """Bytes of rows and of counts per scored row."""
    counts = list(folder.glob("counts/date=*/*.parquet"))
    rows = list(folder.glob("date=*/*.parquet"))
    scored = 0.0
    for file in counts:
        found = pq.ParquetFile(file).read(["name", "count"]).to_pandas()
        scored += found.loc[found.name == "scored", "count"].sum()
    return tuple(sum(file.stat().st_size for file in files) / scored for files in (rows, counts))


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", nargs="+", choices=LEVELS, default=LEVELS)
    parser.add_argument("--starts", type=int, default=6, help="of the servers, two or more")
    parser.add_argument("--seconds", type=int, default=4, help="duration of one run of wrk")
    parser.add_argument("--rounds", type=int, default=3, help="rounds after each start")
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uri, customers = register_model(folder)
        key, stored = make()
        environment = {"MLFLOW_TRACKING_URI": uri, "CHURN_SERVING_KEYS": f"bench={stored.hash}"}
        script = write_script(folder, customers, key)
        started = []
        for _ in range(options.starts):
            with ExitStack() as stack:
                servers = []
                for port, level in enumerate((WITHOUT, *options.levels), 8211):
                    server = start(level, port, folder, environment)
                    stack.callback(server.process.wait)
                    stack.callback(os.killpg, server.process.pid, signal.SIGTERM)
                    servers.append(server)
                for i in range(options.rounds):
                    for server in servers[i:] + servers[:i]:
                        measure(server, script, options.connections, options.seconds)
            started.append(servers)
        print(f"/predict/single, {options.connections} connections, one worker")
        show(started, folder)


def show(started: list[list[Server]], folder: Path) -> None:
    """Print means over the starts; servers are compared with those of the same start."""
    print(
        "| log | requests/s | of no log | CPU us per request | more CPU us | bytes per row "
        "| bytes of counts per row |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    rates = np.array([[np.mean(server.rates) for server in servers] for servers in started])
    costs = np.array([[np.mean(server.microseconds) for server in servers] for servers in started])
    shares, more = rates / rates[:, :1], costs - costs[:, :1]
    errors = np.std(shares, axis=0, ddof=1) / np.sqrt(len(started))
    for i, name in enumerate(server.name for server in started[0]):
        sizes = bytes_per_row(folder / name) if i else (0.0, 0.0)
        print(
            f"| {name} | {rates[:, i].mean():,.0f} | {shares[:, i].mean():.3f} ± {errors[i]:.3f} | "
            f"{costs[:, i].mean():.1f} | {more[:, i].mean():.1f} | {sizes[0]:.1f} | "
            f"{sizes[1]:.2f} |"
        )


if __name__ == "__main__":
    main()
