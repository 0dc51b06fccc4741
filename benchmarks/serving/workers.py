"""Compares the capacity of one worker and of two, and checks that their metrics count together.

The load of wrk takes a part of the processors, so requests per second show the scaling of the
workers only on a machine with two processors to spare. What they show everywhere is CPU time. A
worker that has a processor to itself replies to 1 / c requests per second, where c is its CPU time
per request (user and kernel). Of two workers, the one that gets the larger share s of all requests
is busy first. Together they then reply to 1 / (s c2) requests per second, if they have a processor
each and do not wait for each other: the workers share no locks. The script prints 1 / c for one
worker, 1 / (s c2) for two, and their ratio, as medians over rounds in which both take turns.

With keys, rate limits, request ids, JSON logs, metrics and the inference log. Needs wrk (Debian:
apt-get install wrk) and the extras train and serve.

Usage: python benchmarks/serving/workers.py [--seconds S] [--rounds N] [--connections N]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from local_registry import CUSTOMER, create_registry, register_simulated
from process_time import busy_seconds, children, wait_until_idle, wait_until_ready

from serving.http.api_keys import make

PORTS = {1: 8211, 2: 8212}
LIMITS = ["--rate-limit", "100000000/minute", "--rate-limit-rows", "100000000000/minute"]
COUNTED = re.compile(
    r'^churn_requests_total{.*route="/predict/single".*} ([\d.e+]+)$', re.MULTILINE
)


@dataclass
class Run:
    """What one run of wrk measured."""

    requests: int
    rate: float
    seconds_by_worker: list[float]

    @property
    def capacity(self) -> float:
        """Requests per second of these workers with a processor each."""
        return self.requests / max(self.seconds_by_worker)


@contextmanager
def server(workers: int, folder: Path, uri: str, stored: str) -> Iterator[list[int]]:
    """A server with this many workers; the process ids of the workers."""
    log = folder / f"log{workers}"
    command = [sys.executable, "-m", "serving", "-p", str(PORTS[workers]), "-w", str(workers)]
    recorded = ["--inference-log", str(log), "--inference-log-key", str(folder / "key")]
    process = subprocess.Popen(
        [*command, *LIMITS, *recorded],
        env=os.environ | {"MLFLOW_TRACKING_URI": uri, "CHURN_SERVING_KEYS": f"bench={stored}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until_ready(f"http://127.0.0.1:{PORTS[workers]}")
        pids = [process.pid] if workers == 1 else children(process.pid)
        wait_until_idle(pids)
        yield pids
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def load(workers: int, pids: list[int], script: Path, seconds: int, connections: int) -> Run:
    """One run of wrk against a server."""
    url = f"http://127.0.0.1:{PORTS[workers]}/predict/single"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
    before = [busy_seconds(pid) for pid in pids]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(text)
    taken = [busy_seconds(pid) - begun for pid, begun in zip(pids, before, strict=True)]
    found = re.search(r"(\d+) requests in ", text), re.search(r"Requests/sec:\s+([\d.]+)", text)
    return Run(int(found[0][1]), float(found[1][1]), taken)


def counted(workers: int, key: str) -> float:
    """The requests that the metrics of all workers count."""
    url = f"http://127.0.0.1:{PORTS[workers]}/metrics"
    text = requests.get(url, headers={"X-API-Key": key}, timeout=10).text
    return sum(float(count) for count in COUNTED.findall(text))


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="duration of one run of wrk")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    key, stored = make()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uri = create_registry(folder)
        register_simulated(5000)
        script = folder / "request.lua"
        script.write_text(
            f"wrk.method = 'POST'\nwrk.body = [==[{json.dumps(CUSTOMER)}]==]\n"
            "wrk.headers['Content-Type'] = 'application/json'\n"
            f"wrk.headers['X-API-Key'] = '{key}'\n"
        )
        runs: dict[int, list[Run]] = {1: [], 2: []}
        with (
            server(1, folder, uri, stored.hash) as one,
            server(2, folder, uri, stored.hash) as two,
        ):
            for _ in range(options.rounds):
                for workers, pids in ((1, one), (2, two)):
                    run = load(workers, pids, script, options.seconds, options.connections)
                    runs[workers].append(run)
            for workers, made in runs.items():
                missing = counted(workers, key) - sum(run.requests for run in made)
                # requests that were under way when wrk ended are counted, but not by wrk
                if not 0 <= missing <= options.rounds * options.connections:
                    raise SystemExit(f"{workers} workers: the metrics differ by {missing}")
    _print(runs)


def _print(runs: dict[int, list[Run]]) -> None:
    print("| workers | requests/s | CPU us/request | largest share | requests/s with free cores |")
    print("| --- | --- | --- | --- | --- |")
    capacity = {}
    for workers, made in runs.items():
        capacity[workers] = statistics.median(run.capacity for run in made)
        rate = statistics.median(run.rate for run in made)
        cost = statistics.median(sum(run.seconds_by_worker) / run.requests for run in made)
        share = statistics.median(
            max(run.seconds_by_worker) / sum(run.seconds_by_worker) for run in made
        )
        print(
            f"| {workers} | {rate:,.0f} | {cost * 1e6:.1f} | {share:.2f} | "
            f"{capacity[workers]:,.0f} |"
        )
    print(f"\ntwo workers / one: {capacity[2] / capacity[1]:.2f}; the metrics count all requests")


if __name__ == "__main__":
    main()
