"""A canary from a real registry, in a server with two workers."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
from mlflow import MlflowClient

from churn_model.client import ChurnClient
from serving.canary import customer_fraction
from tests.customers import CUSTOMER
from tests.integration.serving.conftest import move, our_server, register, until

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


def test_all_workers_give_a_customer_the_same_version_and_follow_the_alias(own_registry):
    with our_server(own_registry, "-w", 2, *CANARY) as server:
        assert versions(server) == ["1"] * 40
        move(2, "challenger")
        until(lambda: versions(server) == EXPECTED)
        for _ in range(3):
            assert versions(server) == EXPECTED
        with ChurnClient(server.url, chunk_rows=7) as client:
            scores = client.predict(PEOPLE)
        assert scores["model_version"].tolist() == EXPECTED
        assert scores.attrs["model_version"] is None
        begun = {line["pid"] for line in audit_lines(server) if line["event"] == "begin"}
        assert len(begun) == 2
        MlflowClient().delete_registered_model_alias("churn", "challenger")
        until(lambda: versions(server) == ["1"] * 40)
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
