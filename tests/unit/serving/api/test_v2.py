"""The routes of the Open Inference Protocol, called in this process."""

from __future__ import annotations

import gzip
import json
import struct
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.schema.column import INT64_MAX
from serving.api.v2_tensors import BinaryData, read_columns
from serving.http.api_keys import make
from serving.served_model import ServedModel
from tests.customers import CUSTOMER, DATATYPES, tensors
from tests.unit.serving.conftest import Application

INFER = "/v2/models/churn/infer"
OUTPUTS = ["customer_id", "churn_prediction", "churn_probability"]
CUSTOMERS = [
    CUSTOMER,
    {**CUSTOMER, "customer_id": "Zoë 🙂", "age": 80, "total_charges": None},
    {**CUSTOMER, "customer_id": "", "tenure": INT64_MAX},
]


def request(customers=CUSTOMERS, **more):
    return {"inputs": tensors(customers), **more}


def changed(tensor_name, **changes):
    """A request in which one tensor is different; None removes an entry."""
    body = request()
    (own,) = (each for each in body["inputs"] if each["name"] == tensor_name)
    own.update(changes)
    for key in [key for key, value in own.items() if value is None]:
        del own[key]
    return body


def binary_request(columns, **more):
    """Body and headers of a request with binary tensors, made from bytes by name."""
    n = more.pop("n", 1)
    inputs = [
        {"name": name, "shape": [n], "datatype": DATATYPES.get(name, "FP64"),
         "parameters": {"binary_data_size": len(data)}}
        for name, data in columns.items()
    ]  # fmt: skip
    document = json.dumps({"inputs": inputs, **more}).encode()
    headers = {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(len(document)),
    }
    return document + b"".join(columns.values()), headers


def text(*texts):
    return b"".join(struct.pack("<I", len(each.encode())) + each.encode() for each in texts)


ONE = {
    "customer_id": text(CUSTOMER["customer_id"]),
    "age": struct.pack("<q", CUSTOMER["age"]),
    "tenure": struct.pack("<q", CUSTOMER["tenure"]),
    "monthly_charges": struct.pack("<d", CUSTOMER["monthly_charges"]),
    "total_charges": struct.pack("<d", float("nan")),
}


def outputs(reply):
    assert reply.status == 200, reply.body
    return {each["name"]: each["data"] for each in reply.json()["outputs"]}


def invocations(app, customers, **params):
    reply = app.post("/invocations", {"dataframe_records": customers, "params": params})
    assert reply.status == 200
    return reply.json()["predictions"]


def test_scores_are_those_of_invocations(application):
    app = application()
    for customers in (CUSTOMERS, CUSTOMERS[:1], CUSTOMERS[1:2], []):
        columns = outputs(app.post(INFER, request(customers)))
        assert list(columns) == OUTPUTS
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        assert rows == invocations(app, customers)


def test_a_reply_names_model_version_id_and_datatypes(application):
    reply = application().post(INFER, request(id="été"))
    content = reply.json()
    assert (content["model_name"], content["model_version"], content["id"]) == ("churn", "1", "été")
    described = [(each["name"], each["datatype"], each["shape"]) for each in content["outputs"]]
    assert described == list(zip(OUTPUTS, ["BYTES", "INT64", "FP64"], [[3]] * 3, strict=True))
    assert reply.headers["x-model-version"] == "1"
    assert "id" not in application().post(INFER, request()).json()


def test_options_are_parameters(application):
    app = application()
    given = {"threshold": 0.0, "explain": True}
    columns = outputs(app.post(INFER, request(parameters=given)))
    expected = invocations(app, CUSTOMERS, **given)
    assert columns["churn_prediction"] == [1, 1, 1]
    assert [json.loads(each) for each in columns["reasons"]] == [row["reasons"] for row in expected]
    for parameters in ({"threshold": 2}, {"treshold": 0.5}, {"explain": 1}, {"on_invalid": "skip"}):
        assert app.post(INFER, request(parameters=parameters)).status == 400


@pytest.mark.parametrize("n", [1, 2])
def test_an_invalid_customer_keeps_its_place_if_that_is_asked_for(application, n):
    app = application()
    customers = [{**CUSTOMER, "age": 30.5, "customer_id": None}, CUSTOMER][:n]
    rejected = app.post(INFER, request(customers))
    assert rejected.status == 400
    same = app.post("/invocations", {"dataframe_records": customers}).json()
    assert rejected.json()["error"] == same["error"]
    assert rejected.json()["errors"] == same["errors"]
    params = {"on_invalid": "report", "explain": True}
    columns = outputs(app.post(INFER, request(customers, parameters=params)))
    expected = invocations(app, customers, **params)
    assert columns["error"] == [expected[0]["error"], ""][:n]
    assert columns["churn_prediction"] == [-1, expected[-1]["churn_prediction"]][:n]
    assert columns["churn_probability"] == [row["churn_probability"] for row in expected]
    assert columns["customer_id"] == ["", CUSTOMER["customer_id"]][:n]
    assert columns["reasons"][0] == "[]"


def test_outputs_are_those_requested_in_their_order(application):
    app = application()
    wanted = [{"name": "reasons"}, {"name": "churn_probability"}, {"name": "error"}]
    columns = outputs(app.post(INFER, request(outputs=wanted)))
    assert list(columns) == ["reasons", "churn_probability", "error"]
    assert json.loads(columns["reasons"][0])
    assert columns["error"] == [""] * 3
    assert list(outputs(app.post(INFER, request(outputs=[])))) == OUTPUTS
    for bad in ({}, [{}], ["reasons"], [{"name": "resons"}], wanted[:1] * 2,
                [{"name": "error", "parameters": {"classification": 1}}],
                [{"name": "error", "parameters": {"binary_data": 1}}]):  # fmt: skip
        assert app.post(INFER, request(outputs=bad)).status == 400


def test_data_may_be_nested_for_the_shape_n_1(application):
    app = application()
    flat = outputs(app.post(INFER, request()))
    body = request()
    for each in body["inputs"]:
        each["shape"] = [3, 1]
    assert outputs(app.post(INFER, body)) == flat
    for each in body["inputs"]:
        each["data"] = [[value] for value in each["data"]]
    assert outputs(app.post(INFER, body)) == flat


def test_missing_values_are_null_nan_or_a_tensor_that_is_left_out(application):
    app = application()
    customers = [{**customer, "total_charges": None} for customer in CUSTOMERS]
    expected = outputs(app.post(INFER, request(customers)))
    body = request(customers)
    with_nan = json.dumps(body).replace("null", "NaN").encode()
    assert outputs(app.post(INFER, with_nan)) == expected
    del body["inputs"][-1]
    assert outputs(app.post(INFER, body)) == expected


def test_a_tensor_of_no_field_is_ignored(application):
    app = application()
    body = request()
    unknown = {"name": "unknown", "shape": [3], "datatype": "FP64", "data": [1, None, [2]]}
    body["inputs"].append(unknown)
    assert outputs(app.post(INFER, body)) == outputs(app.post(INFER, request()))
    sent, headers = binary_request({"unknown": b"\x00", **ONE})
    assert app.send("POST", INFER, sent, headers).status == 200


def test_tensors_of_no_field_take_no_memory_for_the_customers_that_they_claim():
    unknown = [
        {"name": f"x{i}", "shape": [100_000], "datatype": "FP64",
         "parameters": {"binary_data_size": 0}}
        for i in range(50)
    ]  # fmt: skip
    tracemalloc.start()
    columns, n = read_columns(unknown, BinaryData(b""), CUSTOMER_SCHEMA, 100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(columns), n) == (50, 100_000)
    assert peak < 500_000


@pytest.mark.parametrize(
    "body",
    [
        changed("age", datatype="FP64"),
        changed("age", datatype="INT32"),
        changed("monthly_charges", datatype="INT64"),
        changed("age", datatype=None),
        changed("age", datatype=["INT64"]),
        changed("age", data=None),
        changed("age", data=[1, 2]),
        changed("age", data=[1, 2, 3.5]),
        changed("age", data=[1, 2, "3"]),
        changed("age", data=[1, 2, True]),
        changed("age", data=[[1], [2], [3]]),
        changed("age", data=[[1], [2], 3], shape=[3, 1]),
        changed("age", data="123"),
        changed("age", data={"0": 1}),
        changed("age", shape=None),
        changed("age", shape=[]),
        changed("age", shape=[2]),
        changed("age", shape=[3, 2]),
        changed("age", shape=[3, 1, 1]),
        changed("age", shape=[-1]),
        changed("age", shape=[3.0]),
        changed("age", shape=[True]),
        changed("age", shape=[1], data=[1]),
        changed("age", parameters=[]),
        changed("age", parameters={"content_type": "base64"}),
        changed("age", parameters={"shared_memory_region": "a"}),
        changed("age", parameters={"binary_data_size": 8}),
        changed("age", extra=1),
        changed("age", name=None),
        changed("age", name="tenure"),
        changed("age", name="unknown"),
        request() | {"inputs": []},
        request() | {"inputs": None},
        request() | {"inputs": {}},
        request() | {"inputs": [1]},
        request(id=7),
        request(model_name="other"),
        request(params={}),
        request(parameters=[]),
        request(parameters={"binary_data_output": 1}),
        [],
        b"{",
    ],
)
def test_a_request_that_does_not_fit_protocol_and_schema_is_rejected(application, body):
    reply = application().post(INFER, body)
    assert reply.status == 400
    content = reply.json()
    assert content["error"] == content["message"]
    assert content["success"] is False


def test_the_message_names_tensor_and_datatype(application):
    message = application().post(INFER, changed("age", datatype="FP64")).json()["error"]
    assert "'age'" in message
    assert "INT64" in message


@pytest.mark.parametrize("content_type", ["np", "pd", "str"])
def test_descriptions_of_data_by_other_clients_are_accepted(application, content_type):
    body = changed("age", parameters={"content_type": content_type})
    body |= {"parameters": {"content_type": "pd"}, "model_name": "churn"}
    assert application().post(INFER, body).status == 200


# --- binary tensors -------------------------------------------------------------------------------


def test_binary_tensors_get_the_scores_of_the_same_values_in_json(application):
    app = application()
    sent, headers = binary_request(ONE)
    expected = outputs(app.post(INFER, request([{**CUSTOMER, "total_charges": None}])))
    assert outputs(app.send("POST", INFER, sent, headers)) == expected
    compressed = headers | {"content-encoding": "gzip"}
    assert outputs(app.send("POST", INFER, gzip.compress(sent), compressed)) == expected


def test_outputs_in_binary_follow_the_document(application):
    app = application()
    body = request(parameters={"binary_data_output": True, "on_invalid": "report"})
    body["inputs"][1]["data"][0] = -1
    body["outputs"] = [
        {"name": "churn_probability"},
        {"name": "churn_prediction", "parameters": {"binary_data": False}},
        {"name": "customer_id"},
    ]
    reply = app.post(INFER, body)
    assert reply.headers["content-type"] == "application/octet-stream"
    length = int(reply.headers["inference-header-content-length"])
    probability, prediction, identifiers = json.loads(reply.body[:length])["outputs"]
    assert probability["parameters"] == {"binary_data_size": 24}
    assert "data" not in probability
    expected = outputs(app.post(INFER, {**body, "parameters": {"on_invalid": "report"}}))
    assert prediction["data"] == expected["churn_prediction"]
    values = np.frombuffer(reply.body[length : length + 24], "<f8")
    assert np.isnan(values[0])
    assert values[1:].tolist() == expected["churn_probability"][1:]
    assert reply.body[length + 24 :] == text(*expected["customer_id"])
    assert identifiers["parameters"]["binary_data_size"] == len(reply.body) - length - 24


@pytest.mark.parametrize(
    "columns",
    [
        {**ONE, "age": ONE["age"][:-1]},
        {**ONE, "age": ONE["age"] * 2},
        {**ONE, "customer_id": b""},
        {**ONE, "customer_id": ONE["customer_id"] + b"x"},
        {**ONE, "customer_id": ONE["customer_id"][:-1]},
        {**ONE, "customer_id": text("a", "b")},
        {**ONE, "customer_id": struct.pack("<I", 2**32 - 1) + b"x"},
        {**ONE, "customer_id": struct.pack("<I", 1) + b"\xff"},
        {**ONE, "monthly_charges": struct.pack("<d", float("inf"))},
        {**ONE, "age": struct.pack("<q", -1)},
        {},
    ],
)
def test_invalid_binary_data_is_rejected(application, columns):
    sent, headers = binary_request(columns)
    assert application().send("POST", INFER, sent, headers).status == 400


def test_the_sizes_of_binary_data_must_add_up(application):
    app = application()
    sent, headers = binary_request(ONE)
    length = headers["inference-header-content-length"]
    for wrong in ("-1", "x", "", str(len(sent) + 1), "9" * 5000, str(int(length) - 1), "²"):
        changed_headers = headers | {"inference-header-content-length": wrong}
        encoded = {
            name: value.encode().decode("latin-1") for name, value in changed_headers.items()
        }
        assert app.send("POST", INFER, sent, encoded).status == 400
    assert app.send("POST", INFER, sent + b"x", headers).status == 400
    assert app.send("POST", INFER, sent[:-1], headers).status == 400
    headers.pop("inference-header-content-length")
    assert app.send("POST", INFER, sent, headers).status == 415


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("inline_bytes", [0, 10**6])
def test_the_limits_of_invocations_hold(application, inline_bytes):
    body = json.dumps(request()).encode()
    assert application(max_rows=2, inline_bytes=inline_bytes).post(INFER, body).status == 413
    assert application(max_body=len(body) - 1).post(INFER, body).status == 413
    assert application(rate_limit_rows="2/minute").post(INFER, body).status == 413
    app = application(rate_limit_rows="5/minute", inline_bytes=inline_bytes)
    assert [app.post(INFER, body).status for _ in range(2)] == [200, 429]
    app = application(rate_limit="1/minute", inline_bytes=inline_bytes)
    assert [app.post(INFER, body).status for _ in range(2)] == [200, 429]
    app = application()
    assert app.post(INFER, body, "text/csv").status == 415
    assert app.post(INFER, body, "application/json; charset=latin-1").status == 415
    assert app.post(INFER, body, **{"content-encoding": "deflate"}).status == 415
    assert app.send("POST", INFER, body, {}).status == 200  # without a Content-Type
    assert app.post(INFER, b'{"inputs": ' + b"[" * 10**6).status == 413
    assert app.post(f"{INFER}?explain=true", body).status == 400
    app.app.parts.executor.capacity.in_use = app.app.parts.executor.capacity.limit
    assert app.post(INFER, body).status == 503


def test_a_shape_beyond_the_limit_takes_no_memory(application):
    sent, headers = binary_request({**ONE, "age": b""}, n=10**12)
    assert application().send("POST", INFER, sent, headers).status == 413


# --- models, versions and health ------------------------------------------------------------------


def test_the_metadata_describe_the_tensors(application):
    app = application()
    content = app.get("/v2/models/churn").json()
    assert (content["name"], content["versions"]) == ("churn", ["1"])
    assert {each["name"]: each["datatype"] for each in content["inputs"]} == DATATYPES
    assert all(each["shape"] == [-1] for each in content["inputs"] + content["outputs"])
    wanted = [{"name": each["name"]} for each in content["outputs"]]
    assert list(outputs(app.post(INFER, request(outputs=wanted)))) == [*OUTPUTS, "reasons", "error"]
    server = app.get("/v2").json()
    assert server["extensions"] == ["binary_tensor_data"]
    assert isinstance(server["version"], str)


def test_a_model_with_a_campaign_has_an_expected_profit(campaign_scorer):
    app = Application(ServedModel("churn", "1", "champion", "", campaign_scorer))
    for customers in (CUSTOMERS, CUSTOMERS[:1], CUSTOMERS[1:2]):
        profits = outputs(app.post(INFER, request(customers)))["expected_profit"]
        assert profits == [row["expected_profit"] for row in invocations(app, customers)]


def test_only_the_served_model_and_version_have_routes(application):
    app = application()
    for path in ("", "/ready"):
        for model in ("/v2/models/churn", "/v2/models/churn/versions/1"):
            assert app.get(model + path).status == 200
        for model in ("/v2/models/other", "/v2/models/churn/versions/2",
                      "/v2/models/{model_name}"):  # fmt: skip
            reply = app.get(model + path)
            assert reply.status == 404
            assert reply.json()["error"]
    assert app.post("/v2/models/churn/versions/1/infer", request()).status == 200
    assert app.post("/v2/models/churn/versions/2/infer", request()).status == 404
    for path in ("/v2/models", "/v2/models/", "/v2/models/churn/", "/v2/models/churn/versions",
                 "/v2/models/churn/versions/1/2", "/v2/x"):  # fmt: skip
        assert app.get(path).status == 404
    assert app.get(INFER).status == 405


def test_a_model_without_a_name_is_called_churn(served):
    app = Application(replace(served, name=None, version=None))
    content = app.post(INFER, request()).json()
    assert content["model_name"] == "churn"
    assert "model_version" not in content
    assert "versions" not in app.get("/v2/models/churn").json()
    assert app.get("/v2/models/churn/versions/1").status == 404


def test_metrics_and_log_have_one_route_for_all_names(application):
    app = application()
    for model in ("churn", "a", "b"):
        app.post(f"/v2/models/{model}/infer", request())
    metrics = app.get("/metrics").body.decode()
    route = 'route="/v2/models/{model_name}/infer"'
    assert f'churn_requests_total{{client="-",{route},status="200"}} 1.0' in metrics
    assert f'churn_requests_total{{client="-",{route},status="404"}} 2.0' in metrics
    assert "churn_rows_scored_total 3.0" in metrics


PROBES = ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready")
READINESS = ("/readyz", "/v2/health/ready", "/v2/models/churn/ready")


def test_the_probes_need_no_key_and_other_routes_do(application):
    _, stored = make()
    app = application(keys=f"a={stored.hash}", rate_limit="1/hour")
    for _ in range(3):
        assert [app.get(path).status for path in PROBES] == [200] * 4
    for path in ("/v2", "/v2/models/churn", "/v2/models/churn/ready"):
        assert app.get(path).status == 401
    assert app.post(INFER, request()).status == 401


def test_without_a_model_the_server_is_live_and_not_ready():
    app = Application(None)
    assert app.get("/livez").json() == app.get("/v2/health/live").json() == {"live": True}
    assert [app.get(path).status for path in READINESS] == [503] * 3
    assert app.post(INFER, request()).status == 503


def test_a_server_that_has_been_told_to_end_is_not_ready_and_still_scores(application):
    app = application()
    assert [app.get(path).status for path in READINESS] == [200] * 3
    app.app.parts.draining.has_begun = True
    assert [app.get(path).status for path in READINESS] == [503] * 3
    assert app.get("/livez").status == 200
    assert app.post(INFER, request()).status == 200
