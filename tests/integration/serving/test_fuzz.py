"""Arbitrary input never causes a 500 or a hang, and the server still works afterwards."""

from __future__ import annotations

import json

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serving.settings import Settings
from tests.customers import CUSTOMER
from tests.integration.serving.conftest import MAX_ROWS

INFER = "/v2/models/churn/infer"
ROUTES = ("/invocations", "/predict", "/predict/single", INFER)
RELAXED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from([2**63, -(2**63) - 1, 10**400, 1e308, -0.0, "\x00", "NaN"]),
)  # fmt: skip
names = st.one_of(
    st.sampled_from(
        "customers dataframe_records dataframe_split inputs instances columns data index params "
        "threshold explain on_invalid customer_id age tenure monthly_charges total_charges "
        "id parameters outputs name shape datatype".split()
    ),
    st.text(max_size=5),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=6)),
    max_leaves=25,
)
content_types = st.sampled_from(
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json; charset=utf-16",
        "APPLICATION/JSON",
        "text/csv",
        "application/vnd.apache.parquet",
        "text/plain",
        "a;b=c",
        "",
    ]
)


def assert_rejected_or_scored(server, reply):
    assert reply.status_code < 500, reply.text[:300]
    body = reply.json()
    if reply.status_code != 200:
        assert body["success"] is False
        assert "Traceback" not in reply.text
    assert server.process.poll() is None


def post(server, route, data, content_type="application/json"):
    headers = {"Content-Type": content_type} if content_type else {}
    return requests.post(server.url + route, data=data, headers=headers, timeout=30)


@RELAXED
@given(route=st.sampled_from(ROUTES), document=documents)
def test_any_json_is_rejected_or_scored(ours, route, document):
    assert_rejected_or_scored(ours, post(ours, route, json.dumps(document)))


@RELAXED
@given(route=st.sampled_from(ROUTES), data=st.binary(max_size=300), content_type=content_types)
def test_any_bytes_are_rejected_or_scored(ours, route, data, content_type):
    assert_rejected_or_scored(ours, post(ours, route, data, content_type))


BINARY = {"name": "age", "datatype": "INT64", "shape": [1], "parameters": {"binary_data_size": 8}}


@RELAXED
@given(
    changes=st.dictionaries(st.sampled_from(list(BINARY)), documents, max_size=2),
    datatype=st.sampled_from(["INT64", "BYTES", "FP64", "BOOL"]),
    length=st.integers(-5, 200),
    data=st.binary(max_size=30),
)
def test_any_binary_tensors_are_rejected_or_scored(ours, changes, datatype, length, data):
    name = {"INT64": "age", "FP64": "monthly_charges"}.get(datatype, "customer_id")
    tensor = BINARY | {"name": name, "datatype": datatype} | changes
    document = json.dumps({"inputs": [tensor], "parameters": {"on_invalid": "report"}}).encode()
    lengths = {"Inference-Header-Content-Length": str(length if length % 2 else len(document))}
    reply = requests.post(ours.url + INFER, data=document + data, headers=lengths, timeout=30)
    assert_rejected_or_scored(ours, reply)


@RELAXED
@given(route=st.sampled_from(ROUTES), end=st.integers(0, 200))
def test_truncated_json_is_400(ours, route, end):
    whole = json.dumps({"dataframe_records": [CUSTOMER], "customers": [CUSTOMER], **CUSTOMER})
    reply = post(ours, route, whole[: min(end, len(whole) - 1)])
    assert reply.status_code == 400


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"[" * 60_000,
        b'{"a":' * 50_000,
        b'{"customers": [' + b"[" * 5000 + b"]" * 5000 + b"]}",
        b'{"age": 1, "age": 2, "customers": [], "customers": 3}',
        b'{"customer_id": "\xff\xfe"}',
        b'{"customer_id": "\\ud800", "age": 1, "tenure": 1, "monthly_charges": 1}',
        b"\xef\xbb\xbf{}",
        b'{"age": ' + b"9" * 50_000 + b"}",
        b'{"age": 1e99999}',
        b'{"dataframe_records": [{"age": NaN}]' + b"[" * 50_000,
        b"null",
        b'"' + b"x" * 100_000 + b'"',
    ],
)
def test_hostile_json_is_400(ours, route, data):
    reply = post(ours, route, data)
    assert_rejected_or_scored(ours, reply)
    if route == "/predict/single":
        too_large = len(data) > Settings().max_body_single
    else:
        too_large = data.count(b"[") + data.count(b"{") > 4 * MAX_ROWS + 1000
    assert reply.status_code == (413 if too_large else 400)


@pytest.mark.parametrize("route", ROUTES)
def test_fifty_megabytes_are_rejected(ours, route):
    try:
        reply = post(ours, route, b"x" * 50_000_000)
        assert reply.status_code == 413
    except requests.ConnectionError:
        pass  # the server closed the connection before all of it was sent, as it should
    assert ours.post("/predict/single", json=CUSTOMER).status_code == 200


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_replies_conform_to_the_openapi_document(ours):
    """schemathesis generates requests that the document allows, and ones that it does not."""
    generation = GenerationConfig(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    config = SchemathesisConfig()
    config.projects.default.generation = generation
    schema = schemathesis.openapi.from_url(f"{ours.url}/openapi.json", config=config)
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def check(case):
            case.call_and_validate(checks=CHECKS, timeout=30)

        check()
        tried += 1
    assert tried >= 18  # without the document's own route
    assert ours.post("/predict/single", json=CUSTOMER).status_code == 200
