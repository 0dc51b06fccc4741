"""Triton's client of the Open Inference Protocol gets the scores that ``/invocations`` gives."""

from __future__ import annotations

import json
import re
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from churn_model.schema import RecordSchema
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from serving.http.api_keys import make
from serving.served_model import ServedModel
from tests.integration.serving.conftest import server_thread

SCHEMA = RecordSchema.from_json_schema(
    {
        "title": "Customer",
        "type": "object",
        "properties": {
            "Kunden-Nr.": {"type": "string"},
            "balance": {"type": ["integer", "null"]},
            "usage": {"type": ["number", "null"]},
            "paperless": {"type": ["boolean", "null"]},
            "since": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "plan": {"anyOf": [{"enum": ["basic", "größer"]}, {"type": "string"}]},
            "region": {"anyOf": [{"enum": ["north", "south"]}, {"type": "null"}]},
        },
        "required": ["Kunden-Nr.", "plan"],
    }
)
INT64_LIMITS = [-(2**63), 2**63 - 1]
VALUES = {
    "balance": [0, -1, 2**53, 2**53 + 1, -(2**53) - 1, *INT64_LIMITS, 17, None],
    "usage": [0.0, -0.0, 5e-324, 1e308, -1e308, 0.1, 1 / 3, 2.0**53 + 2, 70.5, None],
    "paperless": [True, False, None],
    "since": ["2020-02-29", "1970-01-01", "0001-01-01", "9999-12-31", "2026-05-04", None],
    "plan": ["basic", "größer", "unlisted", "", "🙂", "\x00", "BASIC", "a" * 1000],
    "region": ["north", "south", None],
}
IDENTIFIERS = [
    "",
    " ",
    "客户-١٢٣",
    "🙂",
    'a"b',
    "a\nb",
    "\x00",
    "NULL",
    "NaN",
    "e\u0301",
    "\\ud800",
]
PARAMETERS = {"explain": True, "as_of": "2026-05-31", "threshold": 0.4}


def made_up_scorecard() -> Scorecard:
    rng = np.random.default_rng(3)
    cuts = {
        "balance": [-(2.0**53), -0.5, 2.0**53],
        "usage": [0.0, 0.2, 50.0],
        "paperless": [0.5],
        "since": [0.0, 400.0, 10_000.0],
    }
    categories = {"plan": ["basic", "größer"], "region": ["north", "south"]}
    return Scorecard(
        intercept=-1.0,
        features=[
            *(Feature(name=name, kind="number") for name in cuts),
            *(Feature(name=n, kind="category", categories=c) for n, c in categories.items()),
        ],
        terms=[
            Term(features=[name], cuts=[own], scores=rng.normal(0, 1, len(own) + 3).tolist())
            for name, own in (cuts | {name: [] for name in categories}).items()
            if name in cuts
        ]
        + [
            Term(features=[name], cuts=[[]], scores=rng.normal(0, 1, 4).tolist())
            for name in categories
        ],
    )


@pytest.fixture(scope="module")
def served():
    return ServedModel("churn", "7", "champion", "", Scorer(made_up_scorecard(), SCHEMA))


@pytest.fixture(scope="module")
def server(served):
    with server_thread(served) as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    with InferenceServerClient(f"127.0.0.1:{server.port}") as connected:
        yield connected


def random_customers(n):
    rng = np.random.default_rng(17)
    return [
        {"Kunden-Nr.": f"{IDENTIFIERS[i % len(IDENTIFIERS)]}{i}"}
        | {name: values[rng.integers(len(values))] for name, values in VALUES.items()}
        for i in range(n)
    ]


def lacking(customer):
    """The fields of which numpy has no missing value, and which the customer lacks."""
    return [name for name, value in customer.items() if value is None and name != "usage"]


def tensors(customers, metadata, *, binary):
    """One tensor for each field that the customers have; NaN for a missing number."""
    left_out = lacking(customers[0])
    types = {"BYTES": object, "INT64": np.int64, "FP64": np.float64, "BOOL": np.bool_}
    return [
        InferInput(name, [len(customers), 1], datatype).set_data_from_numpy(
            np.array([[customer[name]] for customer in customers], types[datatype]),
            binary_data=binary,
        )
        for name, datatype in ((each["name"], each["datatype"]) for each in metadata["inputs"])
        if name not in left_out
    ]


def rows(result):
    """The outputs of a reply as records."""
    names = [output["name"] for output in result.get_response()["outputs"]]
    columns = {name: result.as_numpy(name).tolist() for name in names}
    for name, values in columns.items():
        columns[name] = [v.decode() if isinstance(v, bytes) else v for v in values]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.mark.parametrize("binary", [True, False])
def test_a_thousand_customers_get_the_scores_of_invocations(server, client, binary):
    metadata = client.get_model_metadata("churn")
    names = [output["name"] for output in metadata["outputs"] if output["name"] != "error"]
    outputs = None if binary else [InferRequestedOutput(n, binary_data=False) for n in names]
    probabilities = []
    for _, group in groupby(sorted(random_customers(1000), key=lacking), key=lacking):
        customers = list(group)
        body = {"dataframe_records": customers, "params": PARAMETERS}
        expected = server.post("/invocations", json=body).json()["predictions"]
        inputs = tensors(customers, metadata, binary=binary)
        scored = rows(client.infer("churn", inputs, outputs=outputs, parameters=PARAMETERS))
        for row in scored:
            row["reasons"] = json.loads(row["reasons"])
        assert scored == expected
        probabilities += [row["churn_probability"] for row in scored]
    assert len(probabilities) == 1000
    assert len(set(probabilities)) > 300


@pytest.mark.parametrize("binary", [True, False])
def test_invalid_customers_are_reported_as_by_invocations(server, client, binary):
    customers = random_customers(50)
    for customer in customers:
        customer |= {name: VALUES[name][0] for name in lacking(customer)}
        customer["region"] = "east" if len(customer["plan"]) == 1 else customer["region"]
    inputs = tensors(customers, client.get_model_metadata("churn"), binary=binary)
    body = {"dataframe_records": customers}
    rejected = server.post("/invocations", json=body).json()
    with pytest.raises(InferenceServerException) as raised:
        client.infer("churn", inputs)
    assert raised.value.message() == rejected["message"]
    assert raised.value.status() == "400"
    parameters = {"on_invalid": "report"}
    expected = server.post("/invocations", json=body | {"params": parameters}).json()["predictions"]
    scored = rows(client.infer("churn", inputs, parameters=parameters))
    assert 0 < sum(row["error"] is not None for row in expected) < 50
    for row, same in zip(scored, expected, strict=True):
        if same["error"] is None:
            assert row == same | {"error": ""}
        else:
            assert (row["error"], row["churn_prediction"]) == (same["error"], -1)
            assert np.isnan(row["churn_probability"])


def test_the_client_reads_health_metadata_versions_and_ids(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("churn")
    assert client.is_model_ready("churn", "7")
    assert not client.is_model_ready("churn", "6")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    metadata = client.get_model_metadata("churn", "7")
    assert metadata["versions"] == ["7"]
    inputs = tensors(random_customers(1), metadata, binary=True)
    arguments = {"request_id": "été", "request_compression_algorithm": "gzip"}
    reply = client.infer("churn", inputs, model_version="7", **arguments).get_response()
    assert (reply["id"], reply["model_name"], reply["model_version"]) == ("été", "churn", "7")
    with pytest.raises(InferenceServerException, match="version 7"):
        client.infer("churn", inputs, model_version="6")
    with pytest.raises(InferenceServerException, match="priority"):
        client.infer("churn", inputs, priority=1)


def test_a_key_is_sent_as_a_header(served):
    key, stored = make()
    with (
        server_thread(served, keys=f"a={stored.hash}") as running,
        InferenceServerClient(f"127.0.0.1:{running.port}") as client,
    ):
        assert client.is_server_ready()
        with pytest.raises(InferenceServerException, match="requires an API key"):
            client.get_model_metadata("churn")
        assert client.get_model_metadata("churn", headers={"X-API-Key": key})["name"] == "churn"


def test_the_examples_of_the_guide_work(scorer, capsys):
    guide = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()
    section = re.search(r"^## Open Inference Protocol\n(.*?)^## ", guide, re.DOTALL | re.MULTILINE)[
        1
    ]
    (document,) = re.findall(r"^```json\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    (code,) = re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    key, stored = make()
    with server_thread(
        ServedModel("churn", "1", "champion", "", scorer), keys=f"a={stored.hash}"
    ) as server:
        headers = {"X-API-Key": key}
        reply = server.post("/v2/models/churn/infer", json=json.loads(document), headers=headers)
        assert reply.status_code == 200
        (probability,) = (
            output["data"]
            for output in reply.json()["outputs"]
            if output["name"] == "churn_probability"
        )
        example: dict[str, object] = {"key": key}
        exec(code.replace("localhost:8000", f"127.0.0.1:{server.port}"), example)
        scores = example["scores"].as_numpy("churn_probability").tolist()
    assert scores == probability
    assert str(np.array(scores)) in capsys.readouterr().out
