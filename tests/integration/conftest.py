"""A real registry in a temporary folder, and real servers on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest

from churn_model.client import ChurnClient
from churn_model.errors import ChurnError

ROOT = Path(__file__).parents[2]
ROWS = 3000


def run(*arguments: object, cwd: Path, timeout: float = 300, **environment: str):
    """Run one of the project's Python commands as a user would, in a folder of its own."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def clean_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    programs = str(Path(sys.executable).parent)
    return kept | {"PATH": f"{programs}{os.pathsep}{kept.get('PATH', '')}"}


def assert_one_line(stderr: str) -> None:
    """A user's error is one line, and no traceback."""
    lines = [line for line in stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("error: ")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class Registry:
    """A folder in which ``python -m training`` has registered ``churn@champion``."""

    folder: Path
    output: str

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"


@pytest.fixture(scope="session")
def registry(tmp_path_factory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("registry")
    done = run("-m", "training", "--rows", ROWS, cwd=folder)
    assert done.returncode == 0, done.stderr
    made = Registry(folder, done.stdout)
    mlflow.set_tracking_uri(made.uri)
    yield made
    mlflow.set_tracking_uri(None)


@contextmanager
def serving(registry: Registry, folder: Path, env_manager: str = "local") -> Iterator[str]:
    """``mlflow models serve``, started in ``folder``; gives its URL and leaves no process."""
    port = free_port()
    command = ["-m", "mlflow", "models", "serve", "-m", "models:/churn@champion", "--env-manager"]
    with open(folder / "serve.log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, *command, env_manager, "-p", str(port)],
            cwd=folder,
            env=clean_environment()
            | {
                "MLFLOW_TRACKING_URI": registry.uri,
                "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
                "MLFLOW_ENV_ROOT": str(folder / "envs"),
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, folder / "serve.log")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def _wait(url: str, process: subprocess.Popen, log: Path, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    with ChurnClient(url, retries=0) as client:
        while time.monotonic() < deadline:
            try:
                if client.ping():
                    return
            except ChurnError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="session")
def server(registry, tmp_path_factory) -> Iterator[str]:
    with serving(registry, tmp_path_factory.mktemp("elsewhere")) as url:
        yield url
