"""``mlflow models serve`` of the registered model, from a folder without this repository."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest
import requests

from churn_model.client import ChurnClient
from churn_model.errors import InvalidRecords, RequestRejected
from pyfunc import registry as models
from tests.integration.conftest import serving
from training.data.simulator import simulate


@pytest.fixture(scope="module")
def customers():
    return simulate(40, seed=12).customers


@pytest.fixture(scope="module")
def expected(registry, customers):
    return models.load().predict(customers)["churn_probability"].to_numpy()


def plain(frame):
    return frame.astype(object).where(frame.notna(), None)


def split(frame):
    return {"dataframe_split": {"columns": list(frame), "data": plain(frame).to_numpy().tolist()}}


def post(url, body, content_type="application/json"):
    data = json.dumps(body) if isinstance(body, dict) else body
    return requests.post(
        f"{url}/invocations", data=data, headers={"Content-Type": content_type}, timeout=60
    )


def probabilities(reply):
    assert reply.status_code == 200, reply.text
    return [row["churn_probability"] for row in reply.json()["predictions"]]


def parquet(frame):
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (split, "application/json"),
        (lambda f: {"dataframe_records": plain(f).to_dict("records")}, "application/json"),
        (lambda f: {"inputs": plain(f).to_dict("records")}, "application/json"),
        (lambda f: {"inputs": plain(f).to_dict("list")}, "application/json"),
        (lambda f: {"instances": plain(f).to_dict("records")}, "application/json"),
        (lambda f: f.to_csv(index=False), "text/csv"),
        (parquet, "application/vnd.apache.parquet"),
    ],
    ids=["split", "records", "inputs", "inputs-columns", "instances", "csv", "parquet"],
)
def test_every_format_gives_the_models_probabilities(
    server, customers, expected, body, content_type
):
    scored = probabilities(post(server, body(customers), content_type))
    np.testing.assert_allclose(scored, expected, rtol=0, atol=1e-12)


def test_the_client_gives_them_too(server, customers, expected):
    with ChurnClient(server) as client:
        scored = client.predict(customers)
        one = client.predict_one(customers.dropna().iloc[0].to_dict(), explain=True)
    np.testing.assert_allclose(scored["churn_probability"], expected, rtol=0, atol=1e-12)
    first = int(np.flatnonzero(customers["total_charges"].notna())[0])
    assert one["churn_probability"] == pytest.approx(expected[first], abs=1e-12)
    assert isinstance(one["reasons"], list)


def test_params_travel(server, customers, expected):
    body = split(customers) | {"params": {"threshold": 0.2, "explain": True}}
    reply = post(server, body).json()["predictions"]
    assert [row["churn_prediction"] for row in reply] == (expected >= 0.2).astype(int).tolist()
    assert all("reasons" in row for row in reply)


def test_one_bad_row_comes_back_in_its_place_as_json(server, customers, expected):
    spoiled = customers.copy()
    spoiled.loc[3, "age"] = 300
    reply = post(server, split(spoiled) | {"params": {"on_invalid": "report"}})
    rows = json.loads(reply.text, parse_constant=pytest.fail)["predictions"]
    assert rows[3]["churn_prediction"] is None
    assert rows[3]["churn_probability"] is None
    assert rows[3]["error"] == "age: must be at most 120"
    for i, row in enumerate(rows):
        assert row["customer_id"] == customers["customer_id"][i]
        if i != 3:
            assert row["churn_probability"] == pytest.approx(expected[i], abs=1e-12)
            assert row["error"] is None


def test_a_bad_row_is_a_400_with_row_and_field_for_people_and_machines(server, customers):
    spoiled = customers.copy()
    spoiled.loc[3, "age"] = 300
    reply = post(server, split(spoiled))
    assert reply.status_code == 400
    assert "row 3, age: must be at most 120" in reply.json()["message"]
    assert reply.json()["errors"][0]["loc"] == ["customers", 3, "age"]
    with ChurnClient(server, schema=None) as client:
        with pytest.raises(InvalidRecords, match="row 3, age: must be at most 120"):
            client.predict(spoiled)
        with pytest.raises(RequestRejected, match="threshold must be a number from 0 to 1"):
            client.predict(customers, threshold=3.0)


@pytest.mark.parametrize(
    "change",
    [
        {"age": -1},
        {"tenure": -1},
        {"monthly_charges": -0.5},
        {"monthly_charges": float("inf")},
        {"customer_id": 17},
        {"customer_id": None},
        {"total_charges": -1.0},
    ],
)
def test_no_error_reply_contains_a_stack_trace(server, customers, change):
    first = plain(customers).to_dict("records")[0]
    reply = post(server, {"dataframe_records": [first | change]})
    assert reply.status_code == 400
    assert "Traceback" not in reply.text
    assert "stack_trace" not in reply.text
    assert f"row 0, {next(iter(change))}: " in reply.json()["message"]


def test_identifiers_in_any_script_and_twice_come_back(server, customers):
    ids = ["客户-🙂", "客户-🙂", "العميل", "", "a\nb"]
    frame = customers.head(5).assign(customer_id=ids)
    reply = post(server, split(frame)).json()["predictions"]
    assert [row["customer_id"] for row in reply] == ids


def test_it_serves_in_an_environment_of_its_own(registry, customers, expected, tmp_path):
    """MLflow makes the environment from the logged requirements alone."""
    with serving(registry, tmp_path, "uv") as url:
        scored = probabilities(post(url, split(customers)))
    np.testing.assert_allclose(scored, expected, rtol=0, atol=1e-12)
    assert "Creating a new environment" in (tmp_path / "serve.log").read_text()


def test_a_frame_of_other_types_is_rejected_by_the_client_alone(server, customers):
    with ChurnClient(server) as client:
        with pytest.raises(InvalidRecords, match="age: must be an integer"):
            client.predict(customers.assign(age=customers["age"] + 0.5))
        report = client.predict(
            customers.assign(age=pd.array([None] * 40, dtype="Int64")), on_invalid="report"
        )
    assert report["error"].tolist() == ["age: is required"] * 40
