"""A model's life in the server, and the server's own: swapped, waited for, ended, replaced."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
import requests
from mlflow import MlflowClient

from churn_model.client import ChurnClient
from churn_model.errors import Unavailable
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring.scorecard import Scorecard
from pyfunc import registry as models
from pyfunc.logging import log_model
from tests.integration.conftest import Registry, free_port
from tests.integration.serving.conftest import CUSTOMER, families, our_server, value, wait
from training.data.simulator import simulate


@pytest.fixture
def own_registry(registry, tmp_path) -> Registry:
    """A registry with two versions of one schema; the champion is the first."""
    before = mlflow.get_tracking_uri()
    own = Registry(tmp_path, "")
    mlflow.set_tracking_uri(own.uri)
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("own", str(tmp_path / "runs")))
    scorecard = next((registry.folder / "mlruns").rglob("artifacts/**/scorecard.json"))
    first = Scorecard.load(scorecard)
    for intercept in (first.intercept, first.intercept + 1.0):
        with mlflow.start_run():
            changed = first.model_copy(update={"intercept": intercept})
            info = log_model(changed, CUSTOMER_SCHEMA, simulate(3).customers)
            models.register(info)
    MlflowClient().set_registered_model_alias("churn", "champion", "1")
    yield own
    mlflow.set_tracking_uri(before)


def move(version: int) -> None:
    MlflowClient().set_registered_model_alias("churn", "champion", str(version))


def until(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def version_of(server) -> str:
    return server.get("/health").json()["model"]["version"]


def test_the_alias_moves_the_model_and_rolls_it_back(own_registry):
    with our_server(own_registry, "--reload-interval", 0.2) as server:
        low = server.post("/predict/single", json=CUSTOMER).json()["churn_probability"]
        move(2)
        until(lambda: version_of(server) == "2")
        assert server.post("/predict/single", json=CUSTOMER).json()["churn_probability"] > low
        move(1)
        until(lambda: version_of(server) == "1")
        assert server.post("/predict/single", json=CUSTOMER).json()["churn_probability"] == low


def test_a_version_that_does_not_load_leaves_the_old_one_serving(own_registry):
    folder = Path(mlflow.artifacts.download_artifacts("models:/churn/2"))
    scorecard = folder / "artifacts" / "scorecard.json"
    scorecard.write_text(scorecard.read_text()[:-50])
    with our_server(own_registry, "--reload-interval", 0.2) as server:
        move(2)
        until(lambda: "reload_problem" in server.get("/health").json())
        health = server.get("/health").json()
        assert health["model"]["version"] == "1"
        assert "cut off" in health["reload_problem"]
        assert server.post("/predict/single", json=CUSTOMER).status_code == 200
        assert "was not reloaded" in server.log()
        failures = families(server.get("/metrics").text)["churn_model_reload_failures"]
        assert value(failures, "churn_model_reload_failures_total") >= 1
        move(1)
        until(lambda: "reload_problem" not in server.get("/health").json())


def with_age(registry, **bounds) -> int:
    """Register a champion whose schema says something else of the age."""
    schema = replace(
        CUSTOMER_SCHEMA,
        columns=tuple(replace(c, **bounds) if c.name == "age" else c for c in CUSTOMER_SCHEMA),
    )
    scorecard = Scorecard.load(
        next((registry.folder / "runs").rglob("artifacts/**/scorecard.json"))
    )
    with mlflow.start_run():
        return models.register(log_model(scorecard, schema, simulate(3).customers)).version


def test_a_version_that_takes_less_is_not_swapped_in_and_one_that_takes_more_is(own_registry):
    with our_server(own_registry, "--reload-interval", 0.2) as server:
        with_age(own_registry, maximum=90)
        until(lambda: "reload_problem" in server.get("/health").json())
        problem = server.get("/health").json()["reload_problem"]
        assert "age: the maximum fell from 120 to 90" in problem
        assert "--allow-schema-change" in problem
        assert version_of(server) == "1"
        with_age(own_registry, maximum=130, monotone="increasing")
        until(lambda: version_of(server) == "4")
        old = CUSTOMER | {"age": 125}
        assert server.post("/predict/single", json=old).status_code == 200
    flags = ["--reload-interval", 0.2, "--allow-schema-change"]
    with our_server(own_registry, *flags) as server:
        with_age(own_registry, maximum=90)
        until(lambda: version_of(server) == "5")
        assert server.post("/predict/single", json=old).status_code == 400


def test_it_waits_for_a_model_if_told_to(own_registry):
    MlflowClient().delete_registered_model_alias("churn", "champion")
    flags = ["--wait-for-model", "--reload-interval", 0.2]
    with our_server(own_registry, *flags, ready=False) as server:
        until(lambda: _status(server, "/ping") == 503, 60)
        reply = server.post("/predict", json={"customers": [CUSTOMER]})
        assert reply.status_code == 503
        assert reply.headers["Retry-After"]
        assert server.get("/health").json()["model_loaded"] is False
        with ChurnClient(server.url, retries=0) as client:
            assert not client.ping()
            with pytest.raises(Unavailable):
                client.predict_one(CUSTOMER)
        move(1)
        until(lambda: _status(server, "/ping") == 200)
        assert server.post("/predict", json={"customers": [CUSTOMER]}).status_code == 200


def _status(server, path):
    try:
        return server.get(path).status_code
    except requests.ConnectionError:
        return None


class Load:
    """Threads that post without a pause and note every reply."""

    def __init__(self, url: str, threads: int) -> None:
        self.url = url
        self.ended = threading.Event()
        self.failures: list[str] = []
        self.scores: set[tuple[str, tuple[float, ...]]] = set()
        self.count = 0
        self._threads = [threading.Thread(target=self._post) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self._threads:
            thread.join()

    def _post(self) -> None:
        with ChurnClient(self.url, retries=5) as client:
            session = client._transport.session
            while not self.ended.is_set():
                try:
                    reply = session.post(
                        f"{self.url}/predict", json={"customers": [CUSTOMER] * 3}, timeout=30
                    )
                    body = reply.json()
                    assert reply.status_code == 200, reply.text
                    assert reply.headers["X-Model-Version"] == body["model_version"]
                    self.scores.add((body["model_version"], tuple(body["probabilities"])))
                    self.count += 1
                except Exception as error:
                    self.failures.append(repr(error))


def test_under_load_models_move_the_registry_goes_and_the_server_is_replaced(own_registry):
    """No failed request, no reply of mixed versions. The full minute is in benchmarks/serving."""
    port = free_port()
    flags = ["--reload-interval", 0.1, "--reuse-port"]
    with our_server(own_registry, *flags, port=port) as first, Load(first.url, 8) as load:
        for version in (2, 1, 2, 1, 2):
            move(version)
            until(lambda version=version: version_of(first) == str(version))
        gone = own_registry.folder / "mlflow.db"
        gone.rename(gone.with_suffix(".gone"))
        time.sleep(1.5)
        assert version_of(first) == "2"
        gone.unlink(missing_ok=True)  # SQLite makes an empty one where it finds none
        gone.with_suffix(".gone").rename(gone)
        with our_server(own_registry, *flags, port=port, ready=False) as second:
            until(lambda: '"Application startup complete."' in second.log(), 60)
            first.process.send_signal(signal.SIGTERM)
            assert first.process.wait(30) == 0
            time.sleep(1)
            load.ended.set()
            time.sleep(0.5)
    assert load.failures == []
    assert load.count > 500
    assert {version for version, _ in load.scores} == {"1", "2"}
    assert len(load.scores) == 2, "each version has one score for these customers"


def test_a_killed_worker_is_replaced_and_callers_that_retry_lose_nothing(registry):
    with our_server(registry, "--workers", 2) as server, Load(server.url, 4) as load:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")

        def is_worker(pid: int) -> bool:
            try:
                return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:  # it ended between the two readings
                return False

        def workers() -> set[int]:
            return {pid for pid in map(int, children.read_text().split()) if is_worker(pid)}

        until(lambda: load.count > 50)
        before = workers()
        assert len(before) == 2
        killed = min(before)
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(workers() - {killed}) == 2, 60)
        wait(server)
        time.sleep(1)
    assert load.failures == []


def test_sigterm_lets_requests_in_flight_finish_and_exits_0(registry):
    with our_server(registry) as server:
        customers = [CUSTOMER] * 90_000
        replies: list[requests.Response] = []
        thread = threading.Thread(
            target=lambda: replies.append(server.post("/predict", json={"customers": customers}))
        )
        thread.start()
        time.sleep(0.7)
        server.process.send_signal(signal.SIGTERM)
        thread.join()
        assert server.process.wait(30) == 0
        assert [reply.status_code for reply in replies] == [200]
        assert len(replies[0].json()["predictions"]) == 90_000


def test_with_several_workers_an_interrupt_ends_all(registry):
    with our_server(registry, "--workers", 2) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 0
