"""Scores for well-behaved clients while hostile ones attack the same server.

First 16 clients score one customer at a time, each on its own connection, in peace. Then they do
so while another process sends, all at once: request heads and bodies that arrive byte by byte,
bodies that stop before their end, 16 MB of ignored data, headers without end, requests for large
files whose replies it does not read, and 1,000 connections that send nothing. Then in peace again.

Exits with 1 if a request of a well-behaved client failed, if their 99th percentile exceeded ten
times that in peace, or if the server used more than 1 GiB.

Usage: python benchmarks/serving/hostile.py [--seconds S]
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import mlflow
import numpy as np
from local_registry import CUSTOMER, create_registry

from churn_model.schema import CUSTOMER_SCHEMA
from pyfunc import registry
from pyfunc.logging import log_model
from training.data.simulator import simulate
from training.fitting.fit import FitSettings, fit

BODY = json.dumps(CUSTOMER).encode()
CLIENTS = 16
MOST_MIB = 1024
MOST_TIMES_SLOWER = 10
PAUSE = 0.002  # of each well-behaved client between two requests


class Clients:
    """Well-behaved clients that score until ``stop``; latencies in milliseconds, and failures."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.latencies: list[float] = []
        self.failures: list[str] = []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._score) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the clients."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _score(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json"}
        while not self._ended.is_set():
            begun = time.perf_counter()
            try:
                connection.request("POST", "/predict/single", BODY, headers)
                reply = connection.getresponse()
                reply.read()
                if reply.status != 200:
                    self.failures.append(f"status {reply.status}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(type(error).__name__)
                connection.close()
            self.latencies.append((time.perf_counter() - begun) * 1e3)
            time.sleep(PAUSE)
        connection.close()


# --- attacks; each is repeated when the server has closed its connections ---------------------


def _connect(port: int, data: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    with suppress(OSError):
        connection.sendall(data)
    return connection


def _head(size: int, path: str = "/predict") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {size}\r\n\r\n"
    ).encode()


def _drip(port: int, start: bytes, drop: bytes) -> None:
    """Send a start, and then a drop every half second until the server closes the connection."""
    with _connect(port, start) as connection:
        while True:
            connection.sendall(drop)
            time.sleep(0.5)


def slow_heads(port: int) -> None:
    """A request head that arrives slowly."""
    _drip(port, b"GET /ping HTTP/1.1\r\n", b"X-Slow: yes\r\n")


def slow_bodies(port: int) -> None:
    """A body that arrives slowly."""
    _drip(port, _head(1_000_000), b"[")


def held_uploads(port: int) -> None:
    """A body of 10 MB that stops one byte before its end."""
    size = 10_000_000
    with _connect(port, _head(size)) as connection:
        connection.sendall(b" " * (size - 1))
        connection.recv(1000)


def junk(port: int) -> None:
    """16 MB of ignored data around one invalid field."""
    text = json.dumps(CUSTOMER | {"age": -1, "junk": ["x" * 100] * 150_000}).encode()[: 16 * 2**20]
    with _connect(port, _head(len(text), "/predict/single")) as connection:
        connection.sendall(text)
        connection.recv(1000)
    time.sleep(0.5)


def endless_headers(port: int) -> None:
    """A header without end."""
    with _connect(port, b"GET /ping HTTP/1.1\r\nX-Long: ") as connection:
        for _ in range(100_000):
            connection.sendall(b"x" * 1000)


def unread_replies(port: int) -> None:
    """Many requests for a large file, and no reading."""
    request = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
    with _connect(port, request * 50):
        time.sleep(20)


def silence(port: int) -> None:
    """50 connections that send nothing."""
    connections = [_connect(port) for _ in range(50)]
    time.sleep(5)
    for connection in connections:
        connection.close()


ATTACKS: dict[Callable[[int], None], int] = {
    slow_heads: 20,
    slow_bodies: 20,
    held_uploads: 8,
    junk: 1,
    endless_headers: 2,
    unread_replies: 8,
    silence: 20,
}
"""The attacks, and how many threads repeat each."""


def attack(port: int, seconds: float) -> None:
    """Run all attacks at once for a limited time."""
    end = time.monotonic() + seconds

    def repeat(once: Callable[[int], None]) -> None:
        while time.monotonic() < end:
            with suppress(OSError):
                once(port)
            time.sleep(0.05)

    for once, threads in ATTACKS.items():
        for _ in range(threads):
            threading.Thread(target=repeat, args=(once,), daemon=True).start()
    time.sleep(max(0.0, end - time.monotonic()))
    os._exit(0)  # the connections that are still open close with the process


def measure(name: str, port: int, seconds: float) -> tuple[float, list[str]]:
    """Print a line of the table; returns the 99th percentile and the failures."""
    clients = Clients(port)
    time.sleep(seconds)
    clients.stop()
    p50, p99 = np.percentile(clients.latencies, [50, 99])
    rate = len(clients.latencies) / seconds
    print(f"{name:24}{rate:12,.0f}{p50:10.2f}{p99:10.2f}{len(clients.failures):10}", flush=True)
    return float(p99), clients.failures


def peak_mib(pid: int) -> int:
    """The most memory that a process has used so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def start_server(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A server with its default limits and a small model; returns it with its port."""
    uri = create_registry(folder)
    data = simulate(2000, 0)
    settings = FitSettings(interactions=2, outer_bags=1)
    fitted = fit(data.customers, data.churned, CUSTOMER_SCHEMA, settings=settings)
    with mlflow.start_run():
        model = log_model(fitted.scorecard, CUSTOMER_SCHEMA, data.customers.head(2), simulated=True)
    registry.register(model, alias="champion")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving", "-p", str(port)],
            env=os.environ | {"MLFLOW_TRACKING_URI": uri},
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    for _ in range(600):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process, port
        time.sleep(0.1)
    raise SystemExit((folder / "log").read_text())


def main() -> int:
    """Run the benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="duration of the attack (60)")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name:
        process, port = start_server(Path(name))
        try:
            print(f"{'':24}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'failed':>10}")
            quiet, failures = measure("in peace", port, 10)
            attacker = multiprocessing.Process(target=attack, args=(port, seconds + 5))
            attacker.start()
            time.sleep(2)
            attacked, failed = measure("under attack", port, seconds)
            failures += failed
            attacker.join()
            time.sleep(12)  # longer than --header-timeout
            _, failed = measure("in peace again", port, 10)
            failures += failed
            peak = peak_mib(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(60)
    print(
        f"\nmost memory: {peak} MiB; p99 under attack is {attacked / quiet:.1f} times that in peace"
    )
    passed = not failures and attacked <= MOST_TIMES_SLOWER * quiet and peak < MOST_MIB and not code
    print("passed" if passed else f"FAILED {dict.fromkeys(failures)}, exit code {code}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
