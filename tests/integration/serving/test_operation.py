"""ApiKeys, limits, start-up, metrics: what operating the server relies on."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

import pytest

from churn_model.client import ChurnClient
from churn_model.errors import KeyRejected
from serving.http.api_keys import add, make
from tests.integration.conftest import (
    assert_one_line,
    clean_environment,
    free_port,
    run,
)
from tests.integration.serving.conftest import CUSTOMER, families, our_server, value


@pytest.fixture(scope="module")
def guarded(registry, tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "keys.toml"
    found = {name: add(keys, name) for name in ("billing", "marketing")}
    limits = ["--rate-limit", "40/minute", "--rate-limit-rows", "50/minute"]
    with our_server(registry, "--keys-file", keys, *limits, "--workers", 1) as running:
        yield running, found


def test_every_route_but_two_wants_a_key(guarded):
    server, keys = guarded
    for path in ("/ping", "/health"):
        assert server.get(path).status_code == 200
    paths = ("/version", "/metrics", "/docs", "/docs/swagger-ui.css", "/openapi.json", "/nothing")
    for path in paths:
        reply = server.get(path)
        assert reply.status_code == 401
        assert reply.json()["error_code"] == "UNAUTHENTICATED"
    assert server.post("/predict", json={"customers": []}).status_code == 401
    for headers in (
        {"X-API-Key": keys["billing"]},
        {"Authorization": f"Bearer {keys['marketing']}"},
        {"Authorization": f"bearer {keys['marketing']}"},
    ):
        assert server.get("/version", headers=headers).status_code == 200
    for headers in ({"X-API-Key": "wrong"}, {"Authorization": "Basic abc"}, {"X-API-Key": ""}):
        assert server.get("/version", headers=headers).status_code == 401


def test_the_client_sends_its_key_and_says_when_it_is_refused(guarded):
    server, keys = guarded
    with ChurnClient(server.url, keys["billing"]) as client:
        assert client.predict_one(CUSTOMER)["customer_id"] == "C1"
    for key in (None, "wrong"):
        with ChurnClient(server.url, key) as client, pytest.raises(KeyRejected, match="401"):
            client.predict_one(CUSTOMER)


def test_the_log_names_the_client_and_never_a_key(guarded):
    server, keys = guarded
    server.get("/version", headers={"X-API-Key": keys["billing"]})
    server.get("/version", headers={"X-API-Key": "wrong-key-value"})
    assert '"client":"billing"' in server.log()
    for secret in (*keys.values(), "wrong-key-value"):
        assert secret not in server.log()


def test_limits_count_customers_and_requests_by_client(guarded):
    server, keys = guarded
    headers = {"X-API-Key": keys["marketing"]}
    refused = server.post("/predict", json={"customers": [CUSTOMER] * 51}, headers=headers)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert refused.json()["error_code"] == "RESOURCE_EXHAUSTED"
    statuses = [server.get("/version", headers=headers).status_code for _ in range(45)]
    assert set(statuses) == {200, 429}
    other = server.get("/version", headers={"X-API-Key": keys["billing"]})
    assert other.status_code in (200, 429)
    assert server.get("/ping").status_code == 200


def test_the_settings_open_some_routes(registry):
    _, stored = make()
    flags = ["--keys", f"a={stored}", "--public", "docs,metrics"]
    with our_server(registry, *flags) as server:
        for path in ("/docs", "/docs/start.js", "/openapi.json", "/metrics"):
            assert server.get(path).status_code == 200
        assert server.get("/version").status_code == 401


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--host", "0.0.0.0"], "without API keys"),
        (["-m", "models:/churn@nobody"], "train and register one"),
        (["-m", "models:/nothing@champion"], "train and register one"),
        (["--keys-file", "none.toml"], "none.toml: cannot be read"),
        (["--keys", "a=b"], "not stored as sha256"),
        (["--rate-limit", "many"], "write it as 600/minute"),
        (["--port", "99999"], "--port"),
        (["--public", "predict"], "only docs, version, metrics"),
        (["--config", "none.toml"], "no such file"),
        (["--timeout", "0"], "--timeout"),
    ],
)
def test_what_cannot_work_ends_with_one_line(registry, tmp_path, flags, complaint):
    port = [] if "--port" in flags else ["-p", free_port()]
    done = run("-m", "serving", *port, *flags, cwd=tmp_path, MLFLOW_TRACKING_URI=registry.uri)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert_one_line(done.stderr)


def test_a_busy_port_is_one_line(registry, tmp_path):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        done = run("-m", "serving", "-p", port, cwd=tmp_path, MLFLOW_TRACKING_URI=registry.uri)
    assert done.returncode == 1
    assert "choose another with --port" in done.stderr
    assert_one_line(done.stderr)


@pytest.mark.parametrize("workers", [1, 2])
def test_metrics_are_prometheus_and_right_with_several_workers(registry, workers):
    with our_server(registry, "--workers", workers) as server:
        for _ in range(20):
            # a connection each, so that all workers get some
            assert server.post("/predict", json={"customers": [CUSTOMER] * 40}).status_code == 200
        bad = CUSTOMER | {"age": 30.5}
        assert server.post("/predict/single", json=bad).status_code == 400
        time.sleep(1.5)
        found = families(server.get("/metrics").text)
        requests_ = found["churn_requests"]
        total = "churn_requests_total"
        assert value(requests_, total, route="/predict", status="200", client="-") == 20
        assert value(requests_, total, route="/predict/single", status="400") == 1
        assert value(found["churn_rows_scored"], "churn_rows_scored_total") == 800
        refused = found["churn_rows_refused"]
        assert value(refused, "churn_rows_refused_total", field="age", rule="int_from_float") == 1
        probability = found["churn_probability"]
        assert value(probability, "churn_probability_count") == 800
        one = server.post("/predict/single", json=CUSTOMER).json()["churn_probability"]
        total = value(probability, "churn_probability_sum")
        assert total == pytest.approx(800 * one)
        seconds = found["churn_request_seconds"]
        assert value(seconds, "churn_request_seconds_count", route="/predict") == 20
        assert value(found["churn_model_info"], "churn_model_info", name="churn", version="1") == 1
        assert "churn_requests_in_flight" in found


def test_a_key_is_made_by_a_command(tmp_path):
    def command(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "serving.keys", *arguments],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
        )

    made = command("billing", "--file", "keys.toml")
    assert made.returncode == 0
    stored = (tmp_path / "keys.toml").read_text()
    assert made.stdout.strip() not in stored
    assert (tmp_path / "keys.toml").stat().st_mode & 0o077 == 0
    assert command("billing", "--file", "keys.toml").returncode == 1
    assert command("no good", "--file", "keys.toml").returncode == 1
    assert (tmp_path / "keys.toml").read_text() == stored
