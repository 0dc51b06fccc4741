"""Our server: in a process, as its users start it, or in a thread of the tests' own process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
import requests
import uvicorn
from mlflow import MlflowClient
from playwright.sync_api import Page, sync_playwright
from prometheus_client.parser import text_string_to_metric_families

from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring.scorecard import Scorecard
from pyfunc import CHAMPION_URI
from pyfunc import registry as models
from pyfunc.logging import log_model
from serving.app import create_app
from serving.http.tls import ServerConfig
from serving.served_model import ModelHolder, ServedModel, load_model
from serving.server import uvicorn_options
from serving.settings import Settings
from tests.customers import CUSTOMER
from tests.integration.conftest import Registry, clean_environment, free_port
from training.data.simulator import simulate

MAX_ROWS = 2000
"""The fixture ``ours`` accepts this many customers per request."""


@dataclass
class Server:
    """A server's URL and port."""

    url: str
    port: int

    def get(self, path: str, **arguments) -> requests.Response:
        return requests.get(self.url + path, timeout=30, **arguments)

    def post(self, path: str, **arguments) -> requests.Response:
        return requests.post(self.url + path, timeout=30, **arguments)


@dataclass
class ServerThread(Server):
    """A server in a thread, and its holder of the model."""

    holder: ModelHolder


@dataclass
class ServerProcess(Server):
    """A server in a process of its own, and the folder that its log goes to."""

    process: subprocess.Popen
    folder: Path

    def log(self) -> str:
        time.sleep(0.2)  # it is written in batches
        return (self.folder / "out").read_text() + (self.folder / "err").read_text()


@contextmanager
def our_server(registry: Registry, *flags: object, port: int = 0, ready: bool = True):
    """``python -m serving`` with these flags, ready to reply; leaves no process behind."""
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
        running = ServerProcess(f"http://127.0.0.1:{port}", port, process, folder)
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


@contextmanager
def server_thread(served: ServedModel | None, **settings: object) -> Iterator[ServerThread]:
    """The same application with these settings in a thread of this process, on a free port."""
    chosen = Settings(port=0, **settings)
    app = create_app(chosen, served)
    config = ServerConfig(app, **uvicorn_options(chosen))
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            until(lambda: server.started or not thread.is_alive())
            yield ServerThread(f"http://127.0.0.1:{port}", port, app.parts.models.champion)
        finally:
            server.should_exit = True
            thread.join(30)


def until(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def wait(running: ServerProcess, path: str = "/ping", seconds: float = 90) -> None:
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
    """The metric families of an exposition by name, parsed by Prometheus' own client."""
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(family, name, /, **labels):
    """The sum of the samples with these labels."""
    return sum(
        s.value
        for s in family.samples
        if s.name == name and all(s.labels[k] == v for k, v in labels.items())
    )


def assert_metrics(server):
    """A server that has replied to nothing yet counts what it is sent."""
    for _ in range(20):
        # one connection each, so that every worker gets some
        assert server.post("/predict", json={"customers": [CUSTOMER] * 40}).status_code == 200
    bad = CUSTOMER | {"age": 30.5}
    assert server.post("/predict/single", json=bad).status_code == 400
    time.sleep(1.5)
    metrics = families(server.get("/metrics").text)
    total = "churn_requests_total"
    counted = metrics["churn_requests"]
    assert value(counted, total, route="/predict", status="200", client="-") == 20
    assert value(counted, total, route="/predict/single", status="400") == 1
    assert value(metrics["churn_rows_scored"], "churn_rows_scored_total") == 800
    field_errors = metrics["churn_rows_refused"]
    assert value(field_errors, "churn_rows_refused_total", field="age", rule="int_from_float") == 1
    probability = metrics["churn_probability"]
    assert value(probability, "churn_probability_count") == 800
    one = server.post("/predict/single", json=CUSTOMER).json()["churn_probability"]
    total = value(probability, "churn_probability_sum")
    assert total == pytest.approx(800 * one)
    seconds = metrics["churn_request_seconds"]
    assert value(seconds, "churn_request_seconds_count", route="/predict") == 20
    assert value(metrics["churn_model_info"], "churn_model_info", name="churn", version="1") == 1
    assert "churn_requests_in_flight" in metrics


@pytest.fixture(scope="session")
def ours(registry) -> Iterator[ServerProcess]:
    """One server without keys for all tests that only read, with small limits."""
    limits = ["--max-body", 400_000, "--max-rows", MAX_ROWS, "--timeout", 5]
    with our_server(registry, *limits, "--cors-origins", "http://allowed.example") as running:
        yield running


@pytest.fixture(scope="session")
def served(registry) -> ServedModel:
    """The champion, for servers in threads."""
    return load_model(CHAMPION_URI)


@pytest.fixture
def own_registry(registry, two_versions, tmp_path) -> Iterator[Registry]:
    """A registry with two versions that have the same schema; the champion is the first."""
    shutil.copy(two_versions.folder / "mlflow.db", tmp_path)
    own = Registry(tmp_path, "")
    mlflow.set_tracking_uri(own.uri)
    mlflow.set_experiment("own")
    move(1)
    yield own
    mlflow.set_tracking_uri(registry.uri)


@pytest.fixture(scope="session")
def two_versions(registry, served, tmp_path_factory) -> Registry:
    """A copy of the registry with a second version, whose scores are higher."""
    folder = tmp_path_factory.mktemp("two-versions")
    shutil.copy(registry.folder / "mlflow.db", folder)
    made = Registry(folder, "")
    mlflow.set_tracking_uri(made.uri)
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("own", str(folder / "runs")))
    first = served.scorer.scorecard
    register(first.model_copy(update={"intercept": first.intercept + 1.0}))
    mlflow.set_tracking_uri(registry.uri)
    return made


def register(scorecard: Scorecard, schema=CUSTOMER_SCHEMA, *, simulated: bool = False) -> str:
    """Register a new champion; returns its version."""
    with mlflow.start_run():
        info = log_model(scorecard, schema, simulate(3).customers, simulated=simulated)
        return str(models.register(info).version)


def move(version: int | str, alias: str = "champion") -> None:
    MlflowClient().set_registered_model_alias("churn", alias, str(version))


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "these tests need Chromium (Debian: apt-get install chromium)"
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@pytest.fixture
def page(browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    yield page
    page.close()


def only_loopback(page: Page) -> list[str]:
    """Block every request that is not to loopback; returns the list of blocked URLs."""
    blocked: list[str] = []

    def decide(route):
        if route.request.url.startswith(("http://127.0.0.1", "data:")):
            route.continue_()
        else:
            blocked.append(route.request.url)
            route.abort()

    page.route("**/*", decide)
    return blocked
