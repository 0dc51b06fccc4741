"""Model versions that come and go, and servers that start, stop and are replaced."""

from __future__ import annotations

import json
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
from pyfunc import CHAMPION_URI
from serving.served_model import load_if_available, load_model
from tests.customers import CUSTOMER
from tests.integration.conftest import free_port
from tests.integration.serving.conftest import (
    ServerProcess,
    assert_metrics,
    families,
    move,
    our_server,
    register,
    server_thread,
    until,
    value,
    wait,
)


def version_of(server) -> str:
    return server.get("/health").json()["model"]["version"]


def test_moving_the_alias_replaces_the_model_and_moving_it_back_restores_it(own_registry):
    with server_thread(load_model(CHAMPION_URI), reload_interval=0.2) as server:
        low = server.post("/predict/single", json=CUSTOMER).json()["churn_probability"]
        move(2)
        until(lambda: version_of(server) == "2")
        assert server.post("/predict/single", json=CUSTOMER).json()["churn_probability"] > low
        move(1)
        until(lambda: version_of(server) == "1")
        assert server.post("/predict/single", json=CUSTOMER).json()["churn_probability"] == low


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving(
    own_registry, scorecard, caplog
):
    number = register(scorecard)
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/churn/{number}"))
    file = folder / "artifacts" / "scorecard.json"
    file.write_text(file.read_text()[:-50])
    move(1)
    with server_thread(load_model(CHAMPION_URI), reload_interval=0.2) as server:
        move(number)
        until(lambda: "reload_problem" in server.get("/health").json())
        health = server.get("/health").json()
        assert health["model"]["version"] == "1"
        assert "cut off" in health["reload_problem"]
        assert server.post("/predict/single", json=CUSTOMER).status_code == 200
        assert "the model was not reloaded: " in caplog.text
        failures = families(server.get("/metrics").text)["churn_model_reload_failures"]
        assert value(failures, "churn_model_reload_failures_total") >= 1
        move(1)
        until(lambda: "reload_problem" not in server.get("/health").json())


def with_age(**changes):
    """The default schema with another ``age``."""
    columns = (replace(c, **changes) if c.name == "age" else c for c in CUSTOMER_SCHEMA)
    return replace(CUSTOMER_SCHEMA, columns=tuple(columns))


def test_a_narrower_schema_is_not_served_and_a_wider_one_is(own_registry, scorecard):
    move(2)  # the first version is a placeholder, trained on simulated customers
    with server_thread(load_model(CHAMPION_URI), reload_interval=0.2) as server:
        register(scorecard, with_age(maximum=90))
        until(lambda: "reload_problem" in server.get("/health").json())
        problem = server.get("/health").json()["reload_problem"]
        assert "age: the maximum fell from 120 to 90" in problem
        assert "--allow-schema-change" in problem
        assert version_of(server) == "2"
        register(scorecard, with_age(maximum=130, monotone="increasing"))
        until(lambda: version_of(server) == "4")
        old = CUSTOMER | {"age": 125}
        assert server.post("/predict/single", json=old).status_code == 200
    settings = {"reload_interval": 0.2, "allow_schema_change": True}
    with server_thread(load_model(CHAMPION_URI), **settings) as server:
        register(scorecard, with_age(maximum=90))
        until(lambda: version_of(server) == "5")
        assert server.post("/predict/single", json=old).status_code == 400


def test_a_real_model_replaces_a_simulated_placeholder_whose_inputs_it_rejects(
    own_registry, scorecard, caplog
):
    caplog.set_level("INFO", "serving.audit")
    placeholder = register(scorecard, simulated=True)
    with server_thread(load_model(CHAMPION_URI), reload_interval=0.2) as server:
        assert version_of(server) == placeholder
        real = register(scorecard, with_age(maximum=40))
        until(lambda: version_of(server) == real)
        assert server.post("/predict/single", json=CUSTOMER).status_code == 400
        assert "reload_problem" not in server.get("/health").json()
    assert f"it replaces the placeholder version {placeholder}" in caplog.text


def test_without_a_model_the_server_replies_503_until_there_is_one(own_registry):
    MlflowClient().delete_registered_model_alias("churn", "champion")
    assert load_if_available(CHAMPION_URI) is None
    with server_thread(None, reload_interval=0.2) as server:
        assert server.get("/ping").status_code == 503
        reply = server.post("/predict", json={"customers": [CUSTOMER]})
        assert reply.status_code == 503
        assert reply.headers["Retry-After"]
        assert server.get("/health").json()["model_loaded"] is False
        with ChurnClient(server.url, retries=0) as client:
            assert not client.ping()
            with pytest.raises(Unavailable):
                client.predict_one(CUSTOMER)
        move(1)
        until(lambda: server.get("/ping").status_code == 200)
        assert server.post("/predict", json={"customers": [CUSTOMER]}).status_code == 200


class Load:
    """Threads that post hundreds of requests per second and record every reply.

    Each pauses between two requests, so that a process that starts meanwhile gets the processor.
    """

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
            request = json.dumps({"customers": [CUSTOMER] * 3}).encode()
            while not self.ended.is_set():
                try:
                    reply = client._transport.post_json("/predict", request)
                    body = reply.json()
                    assert reply.status_code == 200, reply.text
                    assert reply.headers["X-Model-Version"] == body["model_version"]
                    self.scores.add((body["model_version"], tuple(body["probabilities"])))
                    self.count += 1
                    time.sleep(0.01)
                except Exception as error:
                    self.failures.append(repr(error))


def test_under_load_swaps_a_lost_registry_and_a_restart_go_unnoticed(own_registry):
    """No request fails, no reply mixes versions. benchmarks/serving/soak.py runs this for longer."""
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
        gone.unlink(missing_ok=True)  # SQLite creates an empty file if there is none
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


def workers_of(server: ServerProcess) -> set[int]:
    """The process IDs of a server's workers."""

    def is_worker(pid: int) -> bool:
        try:
            return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:  # the process ended between the two reads
            return False

    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return {pid for pid in map(int, children.split()) if is_worker(pid)}


def test_workers_count_together_are_replaced_when_killed_and_end_together(registry):
    """One server for three claims, because each worker takes seconds to import MLflow."""
    with our_server(registry, "--workers", 2) as server:
        assert_metrics(server)
        with Load(server.url, 4) as load:
            until(lambda: load.count > 50)
            before = workers_of(server)
            assert len(before) == 2
            killed = min(before)
            os.kill(killed, signal.SIGKILL)
            until(lambda: len(workers_of(server) - {killed}) == 2, 60)
            wait(server)
            time.sleep(1)
        assert load.failures == [], "clients that retry notice nothing"
        ended = workers_of(server)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 0
        assert not [pid for pid in ended if Path(f"/proc/{pid}").exists()]


def test_sigterm_lets_requests_in_progress_finish_and_the_log_stays_json(registry):
    body = json.dumps({"customers": [CUSTOMER] * 90_000}).encode()
    with our_server(registry) as server, requests.Session() as session:

        def parts():
            yield body[: len(body) // 2]
            time.sleep(1)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(1)
            yield body[len(body) // 2 :]

        session.get(f"{server.url}/ping")  # so that the server has accepted the connection
        headers = {"Content-Type": "application/json"}
        reply = session.post(f"{server.url}/predict", data=parts(), headers=headers, timeout=60)
        assert reply.status_code == 200
        assert len(reply.json()["predictions"]) == 90_000
        assert server.process.wait(30) == 0
        lines = [json.loads(line) for line in server.log().splitlines()]
    loggers = {line["logger"].partition(".")[0] for line in lines}
    assert loggers == {"uvicorn", "serving"}


@pytest.mark.parametrize("workers", [1, 2])
def test_after_sigterm_a_draining_server_is_live_and_scores_but_is_not_ready(registry, workers):
    with our_server(registry, "--drain", 6, "--workers", workers) as server:
        assert server.get("/readyz").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.get("/readyz").status_code == 503)
        assert server.get("/livez").status_code == 200
        assert server.post("/predict/single", json=CUSTOMER).status_code == 200
        assert server.process.wait(30) == 0


def test_ctrl_c_ends_a_draining_server_at_once(registry):
    with our_server(registry, "--drain", 3600) as server:
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.get("/readyz").status_code == 503)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 0
