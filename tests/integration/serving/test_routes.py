"""The routes of a server in a process of its own: replies, errors, headers and logs."""

from __future__ import annotations

import json
import re
import socket
import time

import mlflow
import numpy as np
import pytest
import requests
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

from churn_model.client import ChurnClient
from churn_model.errors import InvalidRecords
from pyfunc import registry as models
from tests.customers import CUSTOMER
from training.data.simulator import simulate


@pytest.fixture(scope="module")
def customers():
    return simulate(1000, seed=13).customers


@pytest.fixture(scope="module")
def expected(registry, customers):
    return models.load().predict(customers)["churn_probability"].to_numpy()


def plain(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def test_ping_health_and_version(ours):
    assert ours.get("/ping").status_code == 200
    assert ours.get("/version").text == mlflow.__version__
    health = ours.get("/health").json()
    assert health["status"] == "ok"
    assert health["model_loaded"] is True
    assert health["model"] | {"loaded_at": ""} == {
        "name": "churn",
        "version": "1",
        "alias": "champion",
        "loaded_at": "",
    }
    assert ours.process.poll() is None


def test_one_customer(ours, customers, expected):
    for i in range(20):
        reply = ours.post("/predict/single", json=plain(customers)[i])
        assert reply.status_code == 200
        assert reply.headers["X-Model-Version"] == "1"
        assert reply.json() == {
            "customer_id": customers["customer_id"][i],
            "churn_prediction": int(expected[i] >= 0.5),
            "churn_probability": pytest.approx(expected[i], abs=1e-12),
        }


def test_many_customers_in_order(ours, customers, expected):
    reply = ours.post("/predict", json={"customers": plain(customers)}).json()
    assert reply | {"predictions": 0, "probabilities": 0} == {
        "success": True,
        "predictions": 0,
        "probabilities": 0,
        "model_version": "1",
        "error": None,
    }
    np.testing.assert_allclose(reply["probabilities"], expected, rtol=0, atol=1e-12)
    assert reply["predictions"] == (expected >= 0.5).astype(int).tolist()


def test_an_empty_list_of_customers_is_valid(ours):
    assert ours.post("/predict", json={"customers": []}).json()["predictions"] == []


def test_the_query_string_sets_explain_and_threshold(ours):
    reply = ours.post("/predict/single?explain=true&threshold=0.0", json=CUSTOMER).json()
    assert reply["churn_prediction"] == 1
    assert isinstance(reply["reasons"], list)
    reply = ours.post("/predict?explain=true", json={"customers": [CUSTOMER] * 2}).json()
    assert len(reply["reasons"]) == 2
    for query in ("threshold=2", "threshold=x", "threshold=nan", "explain=maybe"):
        assert ours.post(f"/predict/single?{query}", json=CUSTOMER).status_code == 400


ERROR_KEYS = {"success", "error_code", "message", "error", "errors", "error_count", "request_id"}


@pytest.mark.parametrize(
    ("method", "path", "arguments", "status"),
    [
        ("POST", "/predict/single", {"json": CUSTOMER | {"age": 30.5}}, 400),
        ("POST", "/predict/single", {"json": []}, 400),
        (
            "POST",
            "/predict/single",
            {"json": None, "data": b"{", "headers": {"Content-Type": "application/json"}},
            400,
        ),
        ("POST", "/predict", {"json": {"customers": 3}}, 400),
        ("POST", "/predict", {"json": {}}, 400),
        ("POST", "/predict", {"json": {"customers": [1, None, "x"]}}, 400),
        ("POST", "/invocations", {"json": {}}, 400),
        ("POST", "/invocations", {"json": {"inputs": [], "instances": []}}, 400),
        ("GET", "/nothing", {}, 404),
        ("GET", "/predict", {}, 405),
        ("DELETE", "/ping", {}, 405),
        (
            "POST",
            "/predict",
            {"data": b"x" * 500_000, "headers": {"Content-Type": "application/json"}},
            413,
        ),
        ("POST", "/predict", {"json": {"customers": [{}] * 2001}}, 413),
        ("POST", "/predict", {"data": b"a,b", "headers": {"Content-Type": "text/csv"}}, 415),
        ("POST", "/predict", {"data": b"{}"}, 415),
        (
            "POST",
            "/invocations",
            {"data": b"{}", "headers": {"Content-Type": "application/json; charset=latin-1"}},
            415,
        ),
    ],
)
def test_all_errors_have_the_same_body(ours, method, path, arguments, status):
    reply = requests.request(method, ours.url + path, timeout=30, **arguments)
    assert reply.status_code == status
    body = reply.json()
    assert set(body) == ERROR_KEYS
    assert body["success"] is False
    assert body["message"] == body["error"]
    assert body["request_id"] == reply.headers["X-Request-ID"]
    assert "Traceback" not in reply.text


def test_all_invalid_fields_of_all_customers_are_listed_and_counted(ours):
    bad = CUSTOMER | {"age": 130, "monthly_charges": "70"}
    body = ours.post("/predict", json={"customers": [CUSTOMER, bad]}).json()
    assert body["errors"] == [
        {"loc": ["customers", 1, "age"], "msg": "must be at most 120", "type": "less_than_equal"},
        {
            "loc": ["customers", 1, "monthly_charges"],
            "msg": "must be a number",
            "type": "float_type",
        },
    ]
    many = ours.post("/predict", json={"customers": [bad] * 300}).json()
    assert len(many["errors"]) == 100
    assert many["error_count"] == 600


def test_a_well_formed_request_id_is_kept_and_any_other_is_replaced(ours):
    for sent, kept in (("abc-1.2_3", True), ("a b", False), ("x" * 200, False), ("é", False)):
        reply = ours.get("/ping", headers={"X-Request-ID": sent.encode("latin-1")})
        assert (reply.headers["X-Request-ID"] == sent) is kept
    made = {ours.get("/ping").headers["X-Request-ID"] for _ in range(20)}
    assert len(made) == 20
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in made)


def test_each_request_is_one_line_of_json_without_customer_data(ours):
    secret = CUSTOMER | {"customer_id": "very-secret", "age": 77777}
    ours.post("/predict/single", json=secret, headers={"X-Request-ID": "find-me"})
    (line,) = [line for line in ours.log().splitlines() if "find-me" in line]
    entry = json.loads(line)
    assert entry["method"] == "POST"
    assert entry["route"] == "/predict/single"
    assert entry["status"] == 400
    assert entry["ms"] > 0
    assert "very-secret" not in ours.log()
    assert "77777" not in ours.log()


def test_the_client_uses_the_servers_errors(ours, customers, expected):
    with ChurnClient(ours.url) as client:
        scored = client.predict(customers)
        np.testing.assert_allclose(scored["churn_probability"], expected, rtol=0, atol=1e-12)
        assert scored.attrs["model_version"] == "1"
    spoiled = customers.copy()
    spoiled.loc[5, "age"] = 300
    with ChurnClient(ours.url, schema=None) as client:
        with pytest.raises(InvalidRecords, match="row 5, age: must be at most 120"):
            client.predict(spoiled)
        report = client.predict(spoiled, on_invalid="report")
    assert report["error"].notna().sum() == 1


def test_the_client_halves_requests_that_are_too_large_for_the_server(ours):
    """The first chunk is over the limit in bytes, and its halves are over the limit in rows."""
    many = simulate(12_000, seed=14).customers
    with ChurnClient(ours.url, retries=0) as client:
        scored = client.predict(many)
    assert scored["customer_id"].tolist() == many["customer_id"].tolist()


def test_mlflows_own_client_works(ours, customers, expected):
    client = ScoringServerClient("127.0.0.1", ours.port)
    client.ping()
    assert client.get_version() == mlflow.__version__
    reply = client.invoke(customers).get_predictions()
    np.testing.assert_allclose(reply["churn_probability"], expected, rtol=0, atol=1e-12)


def test_a_body_that_does_not_arrive_in_time_is_408(ours):
    with socket.create_connection(("127.0.0.1", ours.port)) as caller:
        head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        caller.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        caller.settimeout(20)
        begun = time.monotonic()
        assert b" 408 " in caller.recv(65536).splitlines()[0] + b" "
        assert 4 < time.monotonic() - begun < 15


def test_a_streamed_body_over_the_limit_is_413(ours):
    def stream():
        for _ in range(100):
            yield b"x" * 10_000

    reply = ours.post("/predict", data=stream(), headers={"Content-Type": "application/json"})
    assert reply.status_code == 413


def test_only_the_configured_origin_is_allowed(ours):
    preflight = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "X-API-Key",
    }
    for origin, allowed in (("http://allowed.example", True), ("http://other.example", False)):
        reply = requests.options(
            f"{ours.url}/predict", headers={"Origin": origin, **preflight}, timeout=10
        )
        assert (reply.headers.get("Access-Control-Allow-Origin") == origin) is allowed
        reply = ours.post("/predict", json={}, headers={"Origin": origin})
        assert (reply.headers.get("Access-Control-Allow-Origin") == origin) is allowed
