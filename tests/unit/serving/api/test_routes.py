"""The scoring routes, called in this process."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import zlib
from datetime import datetime

import pytest

from churn_model.errors import RegistryError
from churn_model.scoring import Scorer
from pyfunc import loaded_version
from serving.api import replies
from serving.http.api_keys import make
from serving.http.executor import LARGE
from serving.settings import Settings
from tests.customers import CUSTOMER

JSON = "application/json"
CSV_CUSTOMER = ",".join(CUSTOMER) + "\nC1,42,12,70.5,846.0\n"


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        ("/predict", json.dumps({"customers": [CUSTOMER] * 200}), JSON),
        ("/invocations", json.dumps({"inputs": [CUSTOMER] * 200}), JSON),
        ("/invocations", CSV_CUSTOMER, "text/csv"),
    ],
)
def test_the_time_limit_includes_the_time_that_the_body_takes(
    application, path, body, content_type
):
    app = application(timeout=0.2)
    headers = {"content-type": content_type}
    reply = asyncio.run(app.request("POST", path, body.encode(), headers, pause=0.3))
    assert reply.status == 504


MANY = [
    ("/predict", json.dumps({"customers": [CUSTOMER] * 5}), JSON),
    ("/invocations", json.dumps({"dataframe_records": [CUSTOMER] * 5}), JSON),
    ("/invocations", json.dumps({"inputs": [CUSTOMER] * 5}), JSON),
    ("/invocations", CSV_CUSTOMER + "C1,42,12,70.5,846.0\n" * 4, "text/csv"),
]


@pytest.mark.parametrize("inline_bytes", [0, 10**6])
@pytest.mark.parametrize(("path", "body", "content_type"), MANY)
def test_customers_over_the_rate_limit_are_neither_counted_nor_scored(
    application, monkeypatch, path, body, content_type, inline_bytes
):
    app = application(rate_limit_rows="8/minute", inline_bytes=inline_bytes)
    scored = []
    for name in ("score", "score_columns"):
        method = getattr(Scorer, name)
        monkeypatch.setattr(
            Scorer, name, lambda *a, method=method, **k: [scored.append(1), method(*a, **k)][1]
        )
    assert app.post(path, body.encode(), content_type).status == 200
    calls = len(scored)
    assert app.post(path, body.encode(), content_type).status == 429
    assert len(scored) == calls > 0
    assert app.post("/predict", {"customers": [CUSTOMER] * 3}).status == 200
    reply = application(rate_limit_rows="4/minute").post(path, body.encode(), content_type)
    assert reply.status == 413


@pytest.mark.parametrize("inline_bytes", [0, 10**6])
@pytest.mark.parametrize(("path", "body", "content_type"), MANY)
def test_more_customers_than_allowed_are_413(application, path, body, content_type, inline_bytes):
    app = application(max_rows=4, inline_bytes=inline_bytes)
    assert app.post(path, body.encode(), content_type).status == 413
    assert application(max_rows=5).post(path, body.encode(), content_type).status == 200


@pytest.mark.parametrize("path", ["/invocations", "/v2/models/churn/infer"])
def test_many_customers_with_few_values_are_scored_in_a_thread(application, monkeypatch, path):
    """A body of two bytes per customer is small, but takes 50 times as long as others."""
    ages, options = [42] * 20_000, {"on_invalid": "report"}
    tensor = {"name": "age", "shape": [len(ages)], "datatype": "INT64", "data": ages}
    body = {
        "/invocations": {"inputs": {"age": ages}, "params": options},
        "/v2/models/churn/infer": {"inputs": [tensor], "parameters": options},
    }[path]
    threads = []
    score = Scorer.score
    monkeypatch.setattr(
        Scorer,
        "score",
        lambda *a, **k: [threads.append(threading.current_thread()), score(*a, **k)][1],
    )
    app = application()
    assert len(json.dumps(body)) < Settings().inline_bytes
    assert app.post(path, body).status == 200
    assert threads
    assert threading.main_thread() not in threads


@pytest.mark.parametrize("fields", [{}, {"age": 42}])
def test_very_many_customers_with_few_fields_do_not_keep_ordinary_requests_waiting(
    application, monkeypatch, fields
):
    threads = []

    def noting(method):
        def noted(*arguments, **options):
            threads.append(threading.current_thread().name)
            return method(*arguments, **options)

        return noted

    for name in ("score", "score_columns"):
        monkeypatch.setattr(Scorer, name, noting(getattr(Scorer, name)))
    app = application()
    for record, n in ((fields, 70_000), (CUSTOMER, 2_000)):
        body = {"dataframe_records": [record] * n, "params": {"on_invalid": "report"}}
        assert Settings().inline_bytes < len(json.dumps(body)) < LARGE
        assert app.post("/invocations", body).status == 200
    large, *_, ordinary = threads
    assert large.startswith("scoring large")
    assert not ordinary.startswith("scoring large")


@pytest.mark.parametrize("value", ["1e999", "Infinity", '"\\ud800"', "[1,]", "01"])
def test_an_ignored_field_that_is_not_valid_json_is_rejected_by_all_routes(application, value):
    app = application()
    text = json.dumps(CUSTOMER)[:-1] + f', "ignored": {value}}}'
    for path, body in (
        ("/predict/single", text),
        ("/predict", f'{{"customers": [{text}]}}'),
        ("/predict", f'{{"customers": [{text}, {text}]}}'),
        ("/invocations", f'{{"dataframe_records": [{text}, {text}]}}'),
        ("/invocations", f'{{"inputs": [{text}]}}'),
    ):
        assert app.post(path, body.encode()).status == 400
        assert app.post(path, body.replace(value, "[1.5]").encode()).status == 200


def test_only_invocations_accepts_the_nan_of_mlflows_client(application):
    app = application()
    text = json.dumps(CUSTOMER)[:-1] + ', "ignored": NaN}'
    assert app.post("/predict/single", text.encode()).status == 400
    assert app.post("/predict", f'{{"customers": [{text}, {text}]}}'.encode()).status == 400
    body = f'{{"dataframe_records": [{text}, {text}]}}'
    assert app.post("/invocations", body.encode()).status == 200


@pytest.mark.parametrize("query", ["", "?explain=true", "?threshold=0.01", "?threshold=7"])
def test_a_reply_does_not_depend_on_the_reader(application, query):
    app = application()
    other = {**CUSTOMER, "total_charges": None, "age": 80}
    typed = app.post(f"/predict{query}", {"customers": [CUSTOMER, other]})
    ignored = app.post(f"/predict{query}", {"customers": [CUSTOMER, {**other, "ignored": 1}]})
    assert typed.status == ignored.status
    assert typed.status == (400 if "7" in query else 200)
    if typed.status == 200:
        assert typed.json() == ignored.json()


@pytest.mark.parametrize("params", [None, {}, {"explain": True, "on_invalid": "report"}])
def test_a_reply_of_invocations_does_not_depend_on_the_reader(application, params):
    app = application()
    body = {"dataframe_records": [CUSTOMER, {**CUSTOMER, "age": 80}], "params": params}
    typed = app.post("/invocations", body)
    other = {**body, "inputs": body["dataframe_records"]}
    del other["dataframe_records"]
    assert typed.status == 200
    assert typed.json() == app.post("/invocations", other).json()
    unknown = app.post("/invocations", {**body, "params": {"explane": True}})
    assert unknown.status == 400
    assert "explane" in unknown.json()["message"]


ROUTES = [
    ("/predict/single", CUSTOMER),
    ("/predict", {"customers": [CUSTOMER]}),
    ("/invocations", {"inputs": [CUSTOMER]}),
]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("treshold=0.5", "unknown entry 'treshold'. Did you mean 'threshold'?"),
        ("threshold=0.1&threshold=0.9", "repeated"),
        ("on_invalid=report", "It may have threshold, explain, as_of"),
        ("explain=true&explain", "repeated"),
        ("customers", "unknown entry 'customers'"),
        ("x" * 9999, f"unknown entry '{'x' * 50}'"),
    ],
)
@pytest.mark.parametrize(("path", "body"), ROUTES[:2])
def test_an_unknown_or_repeated_query_parameter_is_rejected(
    application, path, body, query, message
):
    reply = application().post(f"{path}?{query}", body)
    assert reply.status == 400
    assert message in reply.json()["message"]


@pytest.mark.parametrize("junk", [b"[],", b"{},", b"[[[]]],"])
def test_a_body_of_many_small_lists_is_rejected_before_it_is_parsed(application, junk):
    body = b'{"customers": [' + junk * 2000 + b"not JSON"
    app = application(max_rows=10)
    for path in ("/predict", "/invocations"):
        reply = app.post(path, body)
        assert reply.status == 413
        assert "more than 10 customers" in reply.json()["message"]


def test_nested_fields_that_are_ignored_do_not_count_as_customers(application):
    record = CUSTOMER | {"address": {"city": "[x]"}, "tags": []}
    app = application(max_rows=1000)
    assert app.post("/predict", {"customers": [record] * 900}).status == 200


def test_invocations_take_their_options_in_the_body_only(application):
    app = application()
    reply = app.post("/invocations?threshold=0.5", {"inputs": [CUSTOMER]})
    assert (reply.status, "params" in reply.json()["message"]) == (400, True)
    assert app.post("/invocations?x", CSV_CUSTOMER.encode(), "text/csv").status == 400


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (
            "/invocations",
            {"inputs": [CUSTOMER], "params": {"treshold": 0.5}},
            "params has an unknown entry 'treshold'. Did you mean 'threshold'?",
        ),
        ("/invocations", {"inputs": [CUSTOMER], "parms": {}}, "Did you mean 'params'?"),
        ("/predict", {"customers": [CUSTOMER], "threshold": 0.5}, "'threshold'"),
        ("/predict", {"customer": [CUSTOMER]}, "Did you mean 'customers'?"),
    ],
)
def test_an_unknown_entry_of_the_body_is_rejected(application, path, body, message):
    reply = application().post(path, body)
    assert reply.status == 400
    assert message in reply.json()["message"]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json;", 200),
        ("application/json; profile=x", 200),
        ('Application/JSON; profile="a;b"; charset="UTF-8"', 200),
        ("application/json;charset=utf8", 200),
        ("application/json; charset=latin-1", 415),
        ("application/json; charset=", 415),
        ("application/jsonx", 415),
        ("text/plain", 415),
        ("", 415),
    ],
)
@pytest.mark.parametrize(("path", "body"), ROUTES)
def test_only_another_charset_or_type_is_415(application, path, body, content_type, status):
    assert application().post(path, body, content_type).status == status


def test_the_charset_of_a_table_must_be_utf_8(application):
    app, body = application(), CSV_CUSTOMER.encode()
    assert app.post("/invocations", body, "text/csv; charset=utf-8; header=present").status == 200
    assert app.post("/invocations", body, "text/csv; charset=latin-1").status == 415


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        *((path, json.dumps(body).encode(), JSON) for path, body in ROUTES),
        ("/invocations", CSV_CUSTOMER.encode(), "text/csv"),
    ],
)
def test_a_gzip_body_is_decompressed(application, path, body, content_type, encoding):
    app = application()
    expected = app.post(path, body, content_type)
    assert expected.status == 200
    half = len(body) // 2
    for compressed in (
        gzip.compress(body),
        gzip.compress(body[:half]) + gzip.compress(body[half:]),
    ):
        reply = app.post(path, compressed, content_type, content_encoding=encoding)
        assert (reply.status, reply.body) == (200, expected.body)
    assert app.post(path, body, content_type, content_encoding="identity").status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (gzip.compress(b" " * 1001), 413),
        (gzip.compress(b" " * 10**8), 413),
        (gzip.compress(b" " * 1000), 400),
        (gzip.compress(b"{}")[:-3], 400),
        (gzip.compress(b"{}") + b"x", 400),
        (b"{}", 400),
        (b"", 400),
        (zlib.compress(b"{}"), 400),
        (gzip.compress(b"") * 200 + gzip.compress(b"{}"), 400),
    ],
    ids=["large", "bomb", "blank", "cut off", "more", "plain", "empty", "zlib", "parts"],
)
@pytest.mark.parametrize("path", [path for path, _ in ROUTES])
def test_a_gzip_body_is_limited_as_any_other(application, path, body, status):
    app = application(max_body=1000 if len(body) < 1000 else 200_000, max_body_single=1000)
    if len(body) > 1000 and path == "/predict/single":
        status = 413
    assert app.post(path, body, content_encoding="gzip").status == status


def test_any_other_encoding_is_415_and_names_gzip(application):
    for encoding in ("br", "deflate", "gzip, gzip", "zstd"):
        reply = application().post("/predict", {"customers": []}, content_encoding=encoding)
        assert (reply.status, reply.headers["accept-encoding"]) == (415, "gzip")


def test_all_field_errors_are_counted_and_the_first_ones_listed(application):
    app = application()
    rows = 2000
    body = {"customers": [CUSTOMER | {"age": -1, "tenure": "x"}] * rows}
    content = app.post("/predict", body).json()
    assert (len(content["errors"]), content["error_count"]) == (100, 2 * rows)
    assert [error["loc"][1:] for error in content["errors"][:3]] == [
        [0, "age"],
        [0, "tenure"],
        [1, "age"],
    ]
    csv = ",".join(CUSTOMER) + "\n" + "C1,-1,x,70.5,846.0\n" * rows
    content = app.post("/invocations", csv.encode(), "text/csv").json()
    assert (len(content["errors"]), content["error_count"]) == (100, 2 * rows)
    metrics = app.get("/metrics").body.decode()
    for field, rule, n in (
        ("age", "greater_than_equal", 2 * rows),
        ("tenure", "int_type", rows),
        ("tenure", "int_parsing", rows),
    ):
        line = f'churn_rows_refused_total{{field="{field}",rule="{rule}"}} {n}.0'
        assert line in metrics.splitlines()


@pytest.mark.parametrize("path", ["/predict", "/predict/single"])
def test_a_single_customer_has_a_limit_of_its_own(application, path):
    app = application()
    for size, status in ((60_000, 400), (70_000, 413 if path == "/predict/single" else 400)):
        assert app.post(path, {"x": "y" * size}).status == status


def test_many_small_customers_are_scored_in_a_thread(application, monkeypatch):
    threads = []

    def predictions(served, request, request_id):
        threads.append(threading.current_thread().name)
        return b"{}", None

    monkeypatch.setattr(replies, "predictions", predictions)
    app = application()
    for n in (1000, 4000):
        assert app.post("/predict", {"customers": [{}] * n}).status == 200
    assert threads[0] == threading.main_thread().name
    assert threads[1].startswith("scoring")


@pytest.mark.parametrize("number", ["9" * 400, "1e400", "-1e400", "1" + "0" * 300 + "e99"])
def test_a_number_beyond_double_in_an_ignored_field_is_rejected_by_all_routes(application, number):
    app = application()
    for path, body in ROUTES:
        text = json.dumps(body).replace('"age"', f'"extra": {number}, "age"')
        assert app.post(path, text.encode()).status == 400
        text = json.dumps(body).replace('"age"', '"extra": 1e300, "age"')
        assert app.post(path, text.encode()).status == 200


@pytest.mark.parametrize(
    ("settings", "key", "is_told_why"),
    [
        ({}, None, True),
        ({"host": "localhost"}, None, True),
        ({"host": "0.0.0.0", "insecure": True}, None, False),
        ({"with_keys": True}, None, False),
        ({"with_keys": True}, "wrong", False),
        ({"with_keys": True}, "right", True),
    ],
)
def test_only_trusted_callers_are_told_why_reloading_fails(
    application, monkeypatch, settings, key, is_told_why
):
    right, stored = make()
    if settings.pop("with_keys", False):
        settings["keys"] = f"a={stored.hash}"

    def fail(uri):
        raise RegistryError("http://internal:5000 cannot be reached")

    monkeypatch.setattr(loaded_version, "resolve", fail)
    app = application(reload_interval=0.01, **settings)
    assert "reload_failing_since" not in app.get("/health").json()
    asyncio.run(fail_to_reload(app.holder))
    headers = {} if key is None else {"x-api-key": right if key == "right" else key}
    content = app.get("/health", **headers).json()
    assert datetime.fromisoformat(content["reload_failing_since"]).tzinfo is not None
    assert ("internal" in json.dumps(content)) is is_told_why


async def fail_to_reload(holder):
    """Let the holder check the registry until it has failed."""
    failed = asyncio.Event()
    watch = asyncio.create_task(holder.watch(0.01, failed.set))
    await failed.wait()
    watch.cancel()
