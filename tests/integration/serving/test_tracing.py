"""traceparent in replies and the log; spans in a collector on loopback."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from churn_model.scoring import Scorer
from serving import tracing
from serving.served_model import ServedModel
from tests.customers import CUSTOMER
from tests.integration.conftest import free_port
from tests.integration.serving.conftest import server_thread

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def model(scorer) -> ServedModel:
    """A model that needs no registry."""
    return ServedModel("churn", "1", None, "", scorer)


class Collector:
    """Receives spans over OTLP, as protobuf over HTTP."""

    def __init__(self) -> None:
        self.spans: list = []
        self.services: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/v1/traces"
                collector.add(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            self.services |= {
                a.value.string_value
                for a in resource.resource.attributes
                if a.key == "service.name"
            }
            for scope in resource.scope_spans:
                self.spans += scope.spans

    def trees(self) -> list[tuple]:
        """Each request's span, and its phases in order."""
        roots = [span for span in self.spans if span.kind == 2]
        return [
            (root, sorted(self.children(root), key=lambda span: span.start_time_unix_nano))
            for root in sorted(roots, key=lambda span: span.start_time_unix_nano)
        ]

    def children(self, root) -> list:
        return [span for span in self.spans if span.parent_span_id == root.span_id]


@pytest.fixture
def collector(monkeypatch):
    made = Collector()
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{made.server.server_port}")
    yield made
    made.server.shutdown()
    made.server.server_close()


def attributes(span):
    kinds = {a.key: a.value.WhichOneof("value") for a in span.attributes}
    return {a.key: getattr(a.value, kinds[a.key]) for a in span.attributes}


def log_lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_traceparent_is_continued_in_log_and_reply_without_a_collector(model, monkeypatch, capsys):
    monkeypatch.delenv(ENDPOINT, raising=False)
    with server_thread(model) as server:
        traced = server.post("/predict/single", json=CUSTOMER, headers=SENT)
        rejected = server.post("/predict/single", json={}, headers=SENT)
        plain = server.post("/predict/single", json=CUSTOMER)
        broken = server.post("/predict/single", json=CUSTOMER, headers={"traceparent": "00-1-2-3"})
        time.sleep(0.2)
    for reply in (traced, rejected):
        version, trace, span, flags = reply.headers["traceparent"].split("-")
        assert (version, trace, flags) == ("00", TRACE, "01")
        assert span != PARENT
    assert {"traceparent"} & {name.lower() for name in plain.headers} == set()
    assert "traceparent" not in broken.headers
    assert broken.status_code == 200
    lines = log_lines(capsys)
    assert [line.get("trace_id") for line in lines] == [TRACE, TRACE, None, None]
    assert lines[0]["span_id"] == traced.headers["traceparent"].split("-")[2]


CSV = pd.DataFrame([CUSTOMER] * 3).to_csv(index=False)
REQUESTS = [
    ("/predict/single", {"json": CUSTOMER}, 1),
    ("/predict", {"json": {"customers": [CUSTOMER] * 3}}, 3),
    ("/predict", {"json": {"customers": [CUSTOMER]}}, 1),
    ("/predict", {"json": {"customers": [CUSTOMER | {"ignored": 1}] * 3}}, 3),
    ("/invocations", {"json": {"inputs": [CUSTOMER] * 2}}, 2),
    ("/invocations", {"data": CSV, "headers": {"Content-Type": "text/csv"}}, 3),
]


def test_a_collector_receives_the_phases_of_each_request(model, collector, capsys):
    with server_thread(model) as server:
        replies = [server.post(path, **arguments) for path, arguments, _ in REQUESTS]
    assert [reply.status_code for reply in replies] == [200] * len(REQUESTS)
    lines = {line["span_id"]: line for line in log_lines(capsys)}
    trees = collector.trees()
    assert collector.services == {"churn"}
    assert len(collector.spans) == 5 * len(REQUESTS) == 5 * len(trees)
    for (root, phases), (path, _, rows), reply in zip(trees, REQUESTS, replies, strict=True):
        assert root.name == f"POST {path}"
        assert [span.name for span in phases] == ["read", "validate", "score", "reply"]
        _, trace, span, flags = reply.headers["traceparent"].split("-")
        assert (root.trace_id.hex(), root.span_id.hex(), flags) == (trace, span, "01")
        assert not root.parent_span_id
        assert {own.trace_id for own in phases} == {root.trace_id}
        ends = [own.end_time_unix_nano for own in phases]
        assert [own.start_time_unix_nano for own in phases[1:]] == ends[:-1]
        assert root.start_time_unix_nano <= phases[0].start_time_unix_nano
        assert ends[-1] == root.end_time_unix_nano
        known = attributes(root)
        assert known["churn.rows"] == rows
        assert known["http.response.status_code"] == 200
        assert known["churn.model_version"] == "1"
        assert known["client.address"] == "127.0.0.1"
        assert lines[span]["trace_id"] == trace
        assert CUSTOMER["customer_id"] not in known.values()


def test_a_callers_trace_is_continued_unless_it_is_not_sampled(model, collector):
    unsampled = {"traceparent": f"00-{'1' * 32}-{PARENT}-00"}
    with server_thread(model) as server:
        sampled = server.post("/predict/single", json=CUSTOMER, headers=SENT)
        other = server.post("/predict/single", json=CUSTOMER, headers=unsampled)
    assert other.headers["traceparent"].endswith("-00")
    ((root, _),) = collector.trees()
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (TRACE, PARENT)
    assert root.span_id.hex() == sampled.headers["traceparent"].split("-")[2]


def test_requests_that_fail_have_spans_too_and_only_faults_of_the_server_are_errors(
    model, collector, monkeypatch
):
    with server_thread(model) as server:
        server.post("/predict/single", json=CUSTOMER | {"age": -1})
        server.get("/nothing")

        def fail(*_, **__):
            raise ZeroDivisionError

        monkeypatch.setattr(Scorer, "score_cells", fail)
        server.post("/predict/single", json=CUSTOMER)
    trees = collector.trees()
    statuses = [attributes(root)["http.response.status_code"] for root, _ in trees]
    assert statuses == [400, 404, 500]
    assert [root.status.code for root, _ in trees] == [0, 0, 2]
    assert [[span.name for span in phases] for _, phases in trees] == [
        ["read", "validate"],
        [],
        ["read", "validate", "score"],
    ]


def test_a_collector_that_does_not_answer_changes_no_reply(model, monkeypatch, capsys):
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")  # with all attempts, in seconds
    with server_thread(model) as server:
        for _ in range(20):
            assert server.post("/predict/single", json=CUSTOMER).status_code == 200
    assert [line["status"] for line in log_lines(capsys)] == [200] * 20


def test_without_an_endpoint_or_with_the_sdk_disabled_nothing_is_exported(collector, monkeypatch):
    opened = tracing.open_tracing()
    assert opened is not None
    asyncio.run(opened.close())
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert tracing.open_tracing() is None
    monkeypatch.delenv("OTEL_SDK_DISABLED")
    monkeypatch.delenv(ENDPOINT)
    assert tracing.open_tracing() is None


def test_without_the_extra_one_line_says_what_to_install(collector, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    assert tracing.open_tracing() is None
    assert 'pip install -e ".[otel]" in the folder of your clone' in caplog.text
