"""A real registry in a temporary folder, and real servers on loopback.

Starting a Python program that loads MLflow takes seconds, and so does creating MLflow's database.
Commands therefore run in this process (``call``) on copies of one empty database, unless a test
makes a claim about processes.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest

from churn_model.client import ChurnClient
from churn_model.errors import ChurnError
from training.train import main as train

ROOT = Path(__file__).parents[2]
ROWS = 3000
SMALL_FIT = ("--folds", 2, "--repeats", 1, "--interactions", 0, "--bags", 1)
"""Flags of ``churn train`` where neither accuracy nor pairs of features matter."""
PAIRS = 4
"""The model of the fixture ``registry`` has pairs, so that all ways to score look them up."""


_JAVA_FOR_SMALL_TABLES = (
    "--driver-java-options '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' pyspark-shell"
)
"""Java without its optimising compiler, which takes longer than Spark's work on a small table."""


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
    path = f"{programs}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {"PATH": path, "PYSPARK_SUBMIT_ARGS": _JAVA_FOR_SMALL_TABLES}


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
    """A folder with an MLflow database; ``output``: what the training run in it printed."""

    folder: Path
    output: str = ""

    @property
    def uri(self) -> str:
        return database_uri(self.folder)


@dataclass(frozen=True)
class Done:
    """A command that ran in this process."""

    returncode: int
    stdout: str
    stderr: str


def database_uri(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


@contextmanager
def working_in(folder: Path, tracking_uri: str = "") -> Iterator[None]:
    """Work as a user does whose shell is in ``folder``: MLflow's database is there."""
    folder_before, uri_before = Path.cwd(), mlflow.get_tracking_uri()
    os.chdir(folder)
    # MLflow remembers the experiment of the folder before
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)
    mlflow.set_tracking_uri(tracking_uri or database_uri(folder))
    try:
        yield
    finally:
        mlflow.set_tracking_uri(uri_before)
        os.chdir(folder_before)


def call(
    main: Callable[[list[str]], int], *arguments: object, cwd: Path, tracking_uri: str = ""
) -> Done:
    """Run a command's ``main`` in this process as if it had been started in ``cwd``."""
    out, err = io.StringIO(), io.StringIO()
    with working_in(cwd, tracking_uri), redirect_stdout(out), redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory) -> Path:
    """MLflow's database without any content."""
    folder = tmp_path_factory.mktemp("empty")
    with working_in(folder):
        mlflow.search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def workplace(empty_database, tmp_path) -> Path:
    """A new user's folder, in which MLflow's database exists already."""
    shutil.copy(empty_database, tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def registry(empty_database, tmp_path_factory) -> Iterator[Registry]:
    """``churn train`` on simulated customers has registered ``churn@champion`` here."""
    folder = tmp_path_factory.mktemp("registry")
    shutil.copy(empty_database, folder)
    flags = ["--rows", ROWS, *SMALL_FIT, "--interactions", PAIRS]
    done = call(train, *flags, cwd=folder)
    assert done.returncode == 0, done.stderr
    made = Registry(folder, done.stdout)
    mlflow.set_tracking_uri(made.uri)
    yield made
    mlflow.set_tracking_uri(None)


@dataclass(frozen=True)
class SparkStart:
    """A Spark session, and what its start printed on standard error."""

    session: Any
    printed: str


@pytest.fixture(scope="session")
def spark_start() -> Iterator[SparkStart]:
    """The one Spark session of all tests; the batch command uses the active session."""
    from pyfunc.spark_session import session

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_SUBMIT_ARGS"] = _JAVA_FOR_SMALL_TABLES
    with tempfile.TemporaryFile() as log:
        stderr = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            created = session("local[1]")  # each further thread needs Python workers of its own
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        log.seek(0)
        printed = log.read().decode()
    created.conf.set("spark.sql.shuffle.partitions", "2")  # the tables are small
    yield SparkStart(created, printed)
    created.stop()


@pytest.fixture(scope="session")
def spark(spark_start):
    return spark_start.session


@contextmanager
def serving(
    registry: Registry, folder: Path, env_manager: str = "local", **environment: str
) -> Iterator[str]:
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
                **environment,
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


@pytest.fixture(scope="module")
def chromium():
    """A browser."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
