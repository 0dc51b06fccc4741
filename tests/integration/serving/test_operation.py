"""API keys, rate limits, metrics and errors at startup."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from churn_model.client import ChurnClient
from churn_model.errors import KeyRejected, RegistryError
from pyfunc import CHAMPION_URI
from serving.http.api_keys import add, make
from serving.serve import main
from serving.served_model import load_model
from tests.customers import CUSTOMER
from tests.integration.conftest import (
    Registry,
    assert_one_line,
    clean_environment,
    free_port,
    run,
    working_in,
)
from tests.integration.serving.conftest import (
    assert_metrics,
    our_server,
    server_thread,
    until,
)


@pytest.fixture(scope="module")
def guarded(served, tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "keys.toml"
    keys = {name: add(file, name) for name in ("billing", "marketing")}
    limits = {"rate_limit": "40/minute", "rate_limit_rows": "50/minute"}
    with server_thread(served, keys_file=file, **limits) as server:
        yield server, keys


def test_only_the_probes_and_the_documentation_page_need_no_key(guarded):
    server, keys = guarded
    for path in ("/ping", "/health", "/docs", "/docs/start.js", "/docs/swagger-ui.css"):
        assert server.get(path).status_code == 200
    for path in ("/version", "/metrics", "/openapi.json", "/docs/", "/nothing"):
        reply = server.get(path)
        assert reply.status_code == 401
        assert reply.json()["error_code"] == "UNAUTHENTICATED"
    assert server.post("/predict", json={"customers": []}).status_code == 401
    for headers in (
        {"X-API-Key": keys["billing"]},
        {"Authorization": f"Bearer {keys['marketing']}"},
        {"Authorization": f"bearer {keys['marketing']}"},
        {"Authorization": f"Bearer {keys['marketing']}", "X-API-Key": ""},
        {"Authorization": "Bearer ", "X-API-Key": keys["billing"]},
    ):
        assert server.get("/version", headers=headers).status_code == 200
    for headers in ({"X-API-Key": "wrong"}, {"Authorization": "Basic abc"}, {"X-API-Key": ""}):
        assert server.get("/version", headers=headers).status_code == 401


def test_the_client_sends_its_key_and_raises_if_it_is_rejected(guarded):
    server, keys = guarded
    with ChurnClient(server.url, keys["billing"]) as client:
        assert client.predict_one(CUSTOMER)["customer_id"] == "C1"
    for key in (None, "wrong"):
        with ChurnClient(server.url, key) as client, pytest.raises(KeyRejected, match="401"):
            client.predict_one(CUSTOMER)


def test_the_log_names_the_client_and_never_a_key(guarded, capsys, caplog):
    server, keys = guarded
    caplog.set_level("DEBUG", "serving")
    time.sleep(0.2)  # the log is written in batches
    capsys.readouterr()
    server.get("/version", headers={"X-API-Key": keys["billing"]})
    server.get("/version", headers={"X-API-Key": "wrong-key-value"})
    time.sleep(0.2)
    log = capsys.readouterr().out
    lines = [json.loads(line) for line in log.splitlines()]
    assert [(line["client"], line["status"]) for line in lines] == [("billing", 200), ("-", 401)]
    assert {line["address"] for line in lines} == {"127.0.0.1"}
    for secret in (*keys.values(), "wrong-key-value"):
        assert secret not in log + caplog.text


@pytest.mark.parametrize(
    ("trusted", "address"), [("127.0.0.1", "203.0.113.9"), (None, "127.0.0.1")]
)
def test_the_log_has_the_address_that_a_trusted_proxy_reports(served, capsys, trusted, address):
    with server_thread(served, forwarded_allow_ips=trusted) as server:
        server.get("/version", headers={"X-Forwarded-For": "203.0.113.9"})
        time.sleep(0.2)
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["address"] == address


def test_rate_limits_count_customers_and_requests_per_client(guarded):
    server, keys = guarded
    headers = {"X-API-Key": keys["marketing"]}
    too_many = server.post("/predict", json={"customers": [CUSTOMER] * 51}, headers=headers)
    assert too_many.status_code == 413
    body = {"customers": [CUSTOMER] * 40}
    assert server.post("/predict", json=body, headers=headers).status_code == 200
    rejected = server.post("/predict", json=body, headers=headers)
    assert rejected.status_code == 429
    assert 1 <= int(rejected.headers["Retry-After"]) <= 61
    assert rejected.json()["error_code"] == "RESOURCE_EXHAUSTED"
    statuses = [server.get("/version", headers=headers).status_code for _ in range(45)]
    assert set(statuses) == {200, 429}
    other = server.get("/version", headers={"X-API-Key": keys["billing"]})
    assert other.status_code in (200, 429)
    assert server.get("/ping").status_code == 200


def test_requests_without_a_valid_key_are_limited_by_address_and_others_are_not(served, tmp_path):
    key = add(tmp_path / "keys.toml", "billing")
    limit = {"rate_limit_unauthorized": "5/minute"}
    with server_thread(served, keys_file=tmp_path / "keys.toml", **limit) as server:
        headers = [{"X-API-Key": f"guess-{i}"} for i in range(4)] + [{}] * 4
        replies = [server.post("/predict/single", json=CUSTOMER, headers=h) for h in headers]
        assert [reply.status_code for reply in replies] == [401] * 5 + [429] * 3
        assert int(replies[-1].headers["Retry-After"]) > 0
        valid = server.post("/predict/single", json=CUSTOMER, headers={"X-API-Key": key})
        assert valid.status_code == 200
        assert server.get("/ping").status_code == 200


def test_under_a_root_path_all_routes_work_with_and_without_it(served, tmp_path):
    key = {"X-API-Key": add(tmp_path / "keys.toml", "billing")}
    settings = {"root_path": "/churn/", "keys_file": tmp_path / "keys.toml"}
    with server_thread(served, **settings) as server:
        for path in ("/churn", ""):
            assert server.get(f"{path}/ping").status_code == 200
            assert server.get(f"{path}/docs").status_code == 200
            assert server.get(f"{path}/docs/start.js").status_code == 200
            assert server.get(f"{path}/openapi.json").status_code == 401
            openapi = server.get(f"{path}/openapi.json", headers=key).json()
            assert openapi["servers"] == [{"url": "/churn"}]
            reply = server.post(f"{path}/predict/single", json=CUSTOMER, headers=key)
            assert reply.status_code == 200
        assert server.get("/churn", headers=key).status_code == 404
        assert server.get("/churning/ping", headers=key).status_code == 404


def test_public_routes_need_no_key(served):
    _, stored = make()
    with server_thread(served, keys=f"a={stored.hash}", public="docs,metrics") as server:
        for path in ("/docs", "/docs/start.js", "/openapi.json", "/metrics"):
            assert server.get(path).status_code == 200
        assert server.get("/version").status_code == 401


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--host", "0.0.0.0"], "needs API keys"),
        (["--keys-file", "none.toml"], "none.toml: cannot be read"),
        (["--keys-file", "nowhere/keys.toml"], "nowhere/keys.toml: cannot be read"),
        (["--keys", "a=b"], "must be stored as sha256"),
        (["--rate-limit", "many"], "write it as 600/minute"),
        (["--port", "99999"], "--port"),
        (["--public", "predict"], "only docs, version, metrics"),
        (["--config", "none.toml"], "does not exist"),
        (["--timeout", "0"], "--timeout"),
    ],
)
def test_invalid_settings_end_the_command_with_one_line(flags, complaint, monkeypatch, capsys):
    monkeypatch.delenv("CHURN_SERVING_CONFIG", raising=False)
    assert main(flags) == 1
    error = capsys.readouterr().err
    assert complaint in error
    assert_one_line(error)


@pytest.mark.parametrize("uri", ["models:/churn@nobody", "models:/nothing@champion"])
def test_a_model_that_does_not_exist_is_one_line(registry, uri):
    with pytest.raises(RegistryError, match="train and register one") as caught:
        load_model(uri)
    assert "\n" not in str(caught.value)


def test_a_new_registry_is_created_without_a_word(tmp_path):
    """MLflow migrates its database for the first command; none of that is printed."""
    done = run("-m", "serving", "-p", 0, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "train and register one" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_busy_port_is_one_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        assert main(["-p", str(busy.getsockname()[1])]) == 1
    error = capsys.readouterr().err
    assert "choose another with --port" in error
    assert_one_line(error)


@pytest.fixture
def unreachable(tmp_path):
    """A registry whose port nobody listens on."""

    class Unreachable(Registry):
        uri = f"http://127.0.0.1:{free_port()}"

    return Unreachable(tmp_path, "")


def test_a_registry_that_never_replies_is_one_line_within_seconds(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as registry:
        uri = f"http://127.0.0.1:{registry.getsockname()[1]}"
        done = run("-m", "serving", "-p", 0, cwd=tmp_path, timeout=45, MLFLOW_TRACKING_URI=uri)
    assert done.returncode == 1
    assert uri in done.stderr
    assert done.stderr.count("\n") == 1
    assert_one_line(done.stderr)


def test_a_registry_whose_port_is_closed_is_one_line(unreachable, tmp_path, capsys):
    with (
        working_in(tmp_path, unreachable.uri),
        pytest.raises(RegistryError, match=unreachable.uri) as caught,
    ):
        load_model(CHAMPION_URI)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_waits_replies_503_and_ends_at_once(unreachable, workers):
    flags = ["--wait-for-model", "--reload-interval", 0.5, "--workers", workers]
    with our_server(unreachable, *flags, ready=False) as server:
        until(lambda: '"Application startup complete."' in server.log(), 60)
        assert server.get("/ping").status_code == 503
        assert server.post("/predict", json={"customers": []}).headers["Retry-After"]
        lines = [json.loads(line) for line in server.log().splitlines()]
        messages = [line["message"] for line in lines if "message" in line]
        waiting = [message for message in messages if "no model is loaded yet" in message]
        assert 1 <= len(waiting) <= workers
        assert not [message for message in messages if "died" in message]
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0


def test_a_log_that_nobody_reads_stops_neither_requests_nor_the_shutdown(registry, tmp_path):
    port = free_port()
    with open(tmp_path / "err", "wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving", "-p", str(port)],
            cwd=tmp_path,
            env=clean_environment() | {"MLFLOW_TRACKING_URI": registry.uri},
            stdout=subprocess.PIPE,
            stderr=err,
        )
    try:
        with requests.Session() as session:
            url = f"http://127.0.0.1:{port}"
            session.mount(url, HTTPAdapter(max_retries=Retry(connect=20, backoff_factor=0.1)))
            for _ in range(400):  # a pipe holds about 250 lines
                assert session.post(f"{url}/predict/single", json=CUSTOMER).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def test_metrics_count_requests_customers_and_errors(served):
    with server_thread(served) as server:
        assert_metrics(server)


def test_the_keys_command_makes_a_key_and_stores_its_hash(tmp_path):
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
    assert command("no good", "--file", "keys.toml").returncode == 1
    assert (tmp_path / "keys.toml").read_text() == stored
