"""Our server, started as its users start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.conftest import Registry, clean_environment, free_port

CUSTOMER = {
    "customer_id": "C1",
    "age": 42,
    "tenure": 12,
    "monthly_charges": 70.5,
    "total_charges": 846.0,
}


@dataclass
class Running:
    """A server's process, its URL and where its log goes."""

    process: subprocess.Popen
    url: str
    port: int
    folder: Path

    def get(self, path: str, **arguments) -> requests.Response:
        return requests.get(self.url + path, timeout=30, **arguments)

    def post(self, path: str, **arguments) -> requests.Response:
        return requests.post(self.url + path, timeout=30, **arguments)

    def log(self) -> str:
        time.sleep(0.2)  # it is written in batches
        return (self.folder / "out").read_text() + (self.folder / "err").read_text()


@contextmanager
def our_server(registry: Registry, *flags: object, port: int = 0, ready: bool = True):
    """``python -m serving`` with these flags; gives it when it answers, leaves no process."""
    port = port or free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open(folder / "out", "wb") as out, open(folder / "err", "wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "serving", "-p", str(port), *map(str, flags)],
                cwd=folder,
                env=clean_environment() | {"MLFLOW_TRACKING_URI": registry.uri},
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        running = Running(process, f"http://127.0.0.1:{port}", port, folder)
        try:
            if ready:
                wait(running)
            yield running
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def wait(running: Running, path: str = "/ping", seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if running.get(path).status_code == 200:
                return
        except requests.ConnectionError:
            assert running.process.poll() is None, running.log()
        time.sleep(0.1)
    raise AssertionError(running.log())


def families(text):
    """Prometheus' own reading of an exposition, by name."""
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(family, name, /, **labels):
    """The sum of the samples with these labels."""
    return sum(
        s.value
        for s in family.samples
        if s.name == name and all(s.labels[k] == v for k, v in labels.items())
    )


@pytest.fixture(scope="session")
def ours(registry) -> Iterator[Running]:
    """A server without keys and with small limits on bodies and rows."""
    limits = ["--max-body", 400_000, "--max-rows", 2000, "--timeout", 5]
    with our_server(registry, *limits, "--cors-origins", "http://allowed.example") as running:
        yield running
