"""Canary and shadow from a real registry, in servers of their own."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
from mlflow import MlflowClient

from churn_model.client import ChurnClient
from serving.canary import customer_fraction
from tests.customers import CUSTOMER
from tests.integration.serving.conftest import (
    families,
    move,
    our_server,
    register,
    until,
    value,
)
from tests.unit.churn_model.inference_log.reading import table

CANARY = ("--canary", "models:/churn@challenger", "--canary-share", 0.3, "--reload-interval", 0.3)
PEOPLE = [CUSTOMER | {"customer_id": f"C{i}"} for i in range(40)]
EXPECTED = ["2" if customer_fraction(p["customer_id"]) < 0.3 else "1" for p in PEOPLE]


def versions(server):
    """The version of each customer, asked for alone, each over a connection of its own."""
    return [
        server.post("/predict/single", json=person).headers["X-Model-Version"] for person in PEOPLE
    ]


def audit_lines(server):
    lines = map(json.loads, server.log().splitlines())
    return [line for line in lines if line["logger"] == "serving.audit"]


def pids(server, event):
    """The processes that wrote an audit line of this event."""
    return {line["pid"] for line in audit_lines(server) if line["event"] == event}


def test_all_workers_give_a_customer_the_same_version_and_follow_the_alias(own_registry):
    with our_server(own_registry, "-w", 2, *CANARY) as server:
        assert versions(server) == ["1"] * 40
        move(2, "challenger")
        until(lambda: len(pids(server, "begin")) == 2)  # one worker may get all of 40 requests
        for _ in range(3):
            assert versions(server) == EXPECTED
        with ChurnClient(server.url, chunk_rows=7) as client:
            scores = client.predict(PEOPLE)
        assert scores["model_version"].tolist() == EXPECTED
        assert scores.attrs["model_version"] is None
        MlflowClient().delete_registered_model_alias("churn", "challenger")
        until(lambda: len(pids(server, "end")) == 2)
        assert versions(server) == ["1"] * 40
        lines = [line for line in audit_lines(server) if line["event"] == "end"]
        assert {line["message"] for line in lines} == {"version 2 is not the canary any more"}
        assert server.get("/health").json()["model"]["version"] == "1"


def test_a_canary_that_cannot_be_loaded_does_not_touch_the_champion(own_registry, scorecard):
    number = register(scorecard)
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/churn/{number}"))
    file = folder / "artifacts" / "scorecard.json"
    file.write_text(file.read_text()[:-50])
    move(1)
    move(number, "challenger")
    with our_server(own_registry, *CANARY) as server:
        until(lambda: any(line["event"] == "reject" for line in audit_lines(server)))
        assert versions(server) == ["1"] * 40
        health = server.get("/health").json()
        assert health["status"] == "ok"
        assert "reload_problem" not in health
        (line,) = [line for line in audit_lines(server) if line["event"] == "reject"]
        assert (line["role"], line["version"]) == ("canary", number)
        assert "cut off" in line["message"]


def test_a_shadow_changes_no_reply_and_leaves_its_scores_in_metrics_and_log(own_registry, tmp_path):
    move(2, "challenger")
    log = ("--inference-log", tmp_path / "log", "--inference-log-identifiers", "plain")
    shadow = ("--shadow", "models:/churn@challenger", "--reload-interval", 0.3)
    with our_server(own_registry) as plain, our_server(own_registry, *shadow, *log) as server:
        until(lambda: any(line["event"] == "begin" for line in audit_lines(server)))
        headers = {"X-Request-ID": "r"}
        for person in PEOPLE:
            one, other = (
                own.post("/predict/single", json=person, headers=headers) for own in (plain, server)
            )
            assert (one.status_code, one.content) == (200, other.content)
            assert other.headers["X-Model-Version"] == "1"
        body = {"customers": PEOPLE}
        one, other = (own.post("/predict", json=body, headers=headers) for own in (plain, server))
        assert one.content == other.content

        def compared():
            rows = families(server.get("/metrics").text)["churn_shadow_rows"]
            return value(rows, "churn_shadow_rows_total")

        until(lambda: compared() == 80)
    rows = table(tmp_path / "log")
    assert rows.groupby(["source", "model_version"]).size().to_dict() == {
        ("serve", "1"): 80,
        ("shadow", "2"): 80,
    }
