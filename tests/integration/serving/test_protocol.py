"""``/invocations`` compared with ``mlflow models serve`` of the same model."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest
import requests

from training.data.simulator import simulate

FRAME = simulate(6, seed=14).customers
NAMES = list(FRAME)
RECORDS = FRAME.astype(object).where(FRAME.notna(), None).to_dict("records")
ROWS = [list(record.values()) for record in RECORDS]
FIRST = RECORDS[0]
JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"


def split(columns=NAMES, data=ROWS, **more):
    return {"dataframe_split": {"columns": columns, "data": data, **more}}


def changed(**fields):
    return {"dataframe_records": [FIRST | fields, RECORDS[1]]}


def without(name):
    return {"dataframe_records": [{k: v for k, v in r.items() if k != name} for r in RECORDS]}


def with_params(**params):
    return {"dataframe_records": RECORDS, "params": params}


def parquet(frame):
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


SAME = {
    "split": split(),
    "split with index": split(index=[5, 4, 3, 2, 1, 0]),
    "split, columns reordered": split(NAMES[::-1], [row[::-1] for row in ROWS]),
    "split, an extra column": split([*NAMES, "x"], [[*row, 1] for row in ROWS]),
    "split without the optional column": split(NAMES[:4], [row[:4] for row in ROWS]),
    "split without a required column": split(NAMES[1:], [row[1:] for row in ROWS]),
    "split, rows too short": split(NAMES, [row[:3] for row in ROWS]),
    "split without columns": {"dataframe_split": {"data": ROWS}},
    "split without data": {"dataframe_split": {"columns": NAMES}},
    "split with a stray key": split(rows=[]),
    "split as a list": {"dataframe_split": ROWS},
    "split, one row": split(data=ROWS[:1]),
    "records": {"dataframe_records": RECORDS},
    "records, one": {"dataframe_records": [FIRST]},
    "records, an extra field": changed(note="x"),
    "records as an object": {"dataframe_records": FIRST},
    "records of numbers": {"dataframe_records": [1, 2]},
    "inputs as records": {"inputs": RECORDS},
    "inputs as columns": {"inputs": {name: [r[name] for r in RECORDS] for name in NAMES[:4]}},
    "inputs as one customer": {"inputs": FIRST},
    "inputs of different lengths": {"inputs": {"customer_id": ["a", "b"], "age": [1]}},
    "inputs as a number": {"inputs": 3},
    "instances": {"instances": RECORDS},
    "instances as columns": {"instances": {n: [r[n] for r in RECORDS] for n in NAMES[:4]}},
    "no format": {"customers": RECORDS},
    "two formats": {"inputs": RECORDS, "instances": RECORDS},
    "a list": RECORDS,
    "a number": 3,
    "an empty object": {},
    "threshold": with_params(threshold=0.2),
    "threshold 0": with_params(threshold=0.0),
    "threshold null": with_params(threshold=None),
    "threshold too high": with_params(threshold=1.5),
    "threshold as a string": with_params(threshold="0.2"),
    "explain": with_params(explain=True),
    "explain as a string": with_params(explain="yes"),
    "on_invalid report, none invalid": with_params(on_invalid="report"),
    "on_invalid unknown": with_params(on_invalid="skip"),
    "params null": {"dataframe_records": RECORDS, "params": None},
    "params a list": {"dataframe_records": RECORDS, "params": [1]},
    "age too high": changed(age=121),
    "age negative": changed(age=-1),
    "age null": changed(age=None),
    "age a string that is not a number": changed(age="old"),
    "age a list": changed(age=[1]),
    "tenure over 64 bits": changed(tenure=2**63),
    "charge negative": changed(monthly_charges=-0.5),
    "charge an integer": changed(monthly_charges=70),
    "charge huge": changed(monthly_charges=1e308),
    "charge null": changed(monthly_charges=None),
    "charge a string that is not a number": changed(monthly_charges="much"),
    "total null": changed(total_charges=None),
    "total negative": changed(total_charges=-1.0),
    "id a number": changed(customer_id=5),
    "id null": changed(customer_id=None),
    "id in any script": changed(customer_id="客户-🙂"),
    "id twice": {"dataframe_records": [FIRST, FIRST]},
    "report with invalid rows": changed(age=121, total_charges=-1.0)
    | {"params": {"on_invalid": "report", "explain": True}},
}

# input that MLflow converts or cannot read, and we reject or read: (body, MLflow's status, ours)
DIFFERENT = {
    "MLflow truncates a fractional age": (changed(age=30.7), 200, 400),
    "an integer age written as 30.0": (changed(age=30.0), 200, 400),
    "MLflow converts an age that is a string": (changed(age="35"), 200, 400),
    "MLflow converts true to 1": (changed(tenure=True), 200, 400),
    "MLflow converts a charge that is a string": (changed(monthly_charges="70.5"), 200, 400),
    "one row of another type fails MLflow's whole batch": (
        changed(age=None) | {"params": {"on_invalid": "report"}},
        400,
        200,
    ),
    "no customers": ({"dataframe_records": []}, 400, 200),
    "MLflow ignores unknown params": (with_params(treshold=0.2), 200, 400),
}


def post(url, body, content_type=JSON):
    data = body if isinstance(body, bytes) else json.dumps(body)
    return requests.post(
        f"{url}/invocations", data=data, headers={"Content-Type": content_type}, timeout=30
    )


def assert_same(mlflows, ours):
    assert ours.status_code == mlflows.status_code, (mlflows.text[:300], ours.text[:300])
    if mlflows.status_code == 200:
        left, right = mlflows.json()["predictions"], ours.json()["predictions"]
        assert [list(row) for row in left] == [list(row) for row in right]
        for a, b in zip(left, right, strict=True):
            probability = b.pop("churn_probability")
            assert a.pop("churn_probability") == pytest.approx(probability, abs=1e-12)
            effects = [r.pop("effect") for r in b.get("reasons", [])]
            assert [r.pop("effect") for r in a.get("reasons", [])] == pytest.approx(effects)
            assert a == b


@pytest.mark.parametrize("name", SAME)
def test_the_reply_equals_mlflows(server, ours, name):
    assert_same(post(server, SAME[name]), post(ours.url, SAME[name]))


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_documented_differences_exist(server, ours, name):
    body, mlflows_status, our_status = DIFFERENT[name]
    assert post(server, body).status_code == mlflows_status
    assert post(ours.url, body).status_code == our_status


def csv(frame):
    return frame.to_csv(index=False).encode()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (csv(FRAME), CSV),
        (csv(FRAME.iloc[:1]), CSV),
        (csv(FRAME.assign(extra=1)), CSV),
        (csv(FRAME.drop(columns="total_charges")), CSV),
        (csv(FRAME.drop(columns="age")), CSV),
        (csv(FRAME.assign(age=30.7)), CSV),
        (csv(FRAME.assign(age=300)), CSV),
        (csv(FRAME.assign(age="x")), CSV),
        (csv(FRAME), f"{CSV}; charset=utf-8"),
        (csv(FRAME), f"{CSV}; charset=latin-1"),
        (b"", CSV),
        (b"\xff\xfe", CSV),
        (parquet(FRAME), PARQUET),
        (parquet(FRAME.assign(age=FRAME["age"].astype("int32"))), PARQUET),
        (parquet(FRAME.assign(age=30.7)), PARQUET),
        (parquet(FRAME.assign(age=-1)), PARQUET),
        (parquet(FRAME.drop(columns="tenure")), PARQUET),
        (b"PAR1", PARQUET),
        (b"{}", "text/plain"),
        (b"{", JSON),
        (b"", JSON),
    ],
)
def test_the_replies_to_tables_and_invalid_bodies_equal_mlflows(server, ours, body, content_type):
    assert_same(post(server, body, content_type), post(ours.url, body, content_type))


@pytest.mark.parametrize(
    ("body", "content_type", "mlflows_status", "our_status"),
    [
        (",".join(NAMES).encode() + b"\nC1,42,12,70,846,\n", CSV, 200, 400),
        (csv(FRAME.assign(age=True)), CSV, 200, 400),
        (csv(FRAME).replace(b"\n", b",50\n").replace(b",50\n", b",age\n", 1), CSV, 200, 400),
        (csv(FRAME.assign(customer_id="NA")), CSV, 400, 200),
        (parquet(FRAME.assign(monthly_charges=[1, 2, 3, 4, 5, 6])), PARQUET, 400, 200),
    ],
    ids=[
        "MLflow moves the cells of rows with a trailing comma to other columns",
        "MLflow converts True to 1",
        "MLflow takes the first of two columns of the same name",
        "MLflow takes the identifier NA for a missing value",
        "MLflow rejects integers as numbers",
    ],
)
def test_tables_that_mlflow_alters_or_cannot_read(
    server, ours, body, content_type, mlflows_status, our_status
):
    assert post(server, body, content_type).status_code == mlflows_status
    assert post(ours.url, body, content_type).status_code == our_status


def test_the_error_for_a_table_does_not_repeat_its_values(ours):
    for body, kind in (
        (csv(FRAME.assign(age="secret")), CSV),
        (parquet(FRAME.assign(age="secret")), PARQUET),
    ):
        reply = post(ours.url, body, kind)
        assert reply.status_code == 400
        assert "secret" not in reply.text
        assert "age (long)" in reply.text


def test_the_probabilities_of_a_large_table_equal_mlflows(server, ours):
    frame = simulate(1500, seed=15).customers
    mlflows, ours_ = (
        pd.DataFrame(post(url, csv(frame), CSV).json()["predictions"]) for url in (server, ours.url)
    )
    np.testing.assert_allclose(mlflows["churn_probability"], ours_["churn_probability"], atol=1e-12)
