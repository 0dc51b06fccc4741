"""The client against a real HTTP server on loopback that sends planned responses."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from types import SimpleNamespace
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from churn_model.client import ChurnClient
from churn_model.errors import (
    ClientError,
    InvalidParameter,
    InvalidRecords,
    KeyRejected,
    RequestRejected,
    SchemaError,
    ServerFailed,
    TimedOut,
    Unavailable,
    VersionChanged,
)
from churn_model.schema import CustomerRecord, RecordSchema
from training.data.simulator import simulate


class Server(ThreadingHTTPServer):
    """Scores every customer with age / 1000, after it has sent the responses in ``planned``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.planned: list[tuple[int, dict[str, str], bytes] | str] = []
        self.requests: list[tuple[dict[str, str], dict]] = []
        self.openapi: dict = {}
        self.max_rows = 1000
        self.versions: Iterator[str] = iter(())
        self.redirects: dict[str, str] = {}
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self._redirected():
            return
        is_schema = self.path == "/openapi.json"
        self._reply(200, {}, json.dumps(self.server.openapi).encode() if is_schema else b"\n")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((dict(self.headers), body))
        if self._redirected():
            return
        if self.server.planned:
            plan = self.server.planned.pop(0)
            if plan == "hang":
                time.sleep(0.4)
            elif isinstance(plan, str) and plan != "drop":
                self._reply_partly(plan)
                return
            elif plan == "drop":
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            else:
                self._reply(*plan)
                return
        columns, data = body["dataframe_split"]["columns"], body["dataframe_split"]["data"]
        rows = [dict(zip(columns, row, strict=True)) for row in data]
        if len(rows) > self.server.max_rows:
            self._reply(413, {}, b'{"message": "too large"}')
            return
        scores = [
            {
                "customer_id": row.get("customer_id"),
                "churn_prediction": 0,
                "churn_probability": row.get("age", 0) / 1000,
            }
            for row in rows
        ]
        version = next(self.server.versions, None)
        headers = {} if version is None else {"X-Model-Version": version}
        self._reply(200, headers, json.dumps({"predictions": scores}).encode())

    def _reply_partly(self, plan: str) -> None:
        """Part of a response, which is cut off, or stops while the connection stays open."""
        self.send_response(200)
        if plan == "cut chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"20\r\n" + b'{"predictions": [')
        else:
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"predictions": [')
        if plan == "stop":
            time.sleep(0.4)
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def _redirected(self) -> bool:
        target = self.server.redirects.get(self.path)
        if target is not None:
            self._reply(307, {"Location": target}, b"")
        return target is not None

    def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        if status == 200 and self.path == "/ping" and self.server.planned:
            status = self.server.planned.pop(0)[0]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        with suppress(BrokenPipeError):  # the client had stopped waiting
            super().handle()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def running() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def other_server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def client(server) -> Iterator[ChurnClient]:
    with ChurnClient(server.url, timeout=1.0, retries=2) as client:
        yield client


@pytest.fixture
def pauses(monkeypatch) -> list[float]:
    """The seconds that the client would have waited between attempts."""
    pauses: list[float] = []
    # only the module's own name: threads of other libraries need the real ``time.sleep``
    clock = SimpleNamespace(sleep=pauses.append, time=time.time)
    monkeypatch.setattr("churn_model.client.transport.time", clock)
    monkeypatch.setattr("churn_model.client.client.time", clock)
    return pauses


@pytest.fixture
def customers():
    return simulate(25, seed=2).customers


def test_frames_dicts_and_records_give_the_same_scores(client, customers):
    customers = customers.dropna()
    dicts = customers.to_dict("records")
    frame = client.predict(customers)
    assert frame.index.equals(customers.index)
    assert frame["churn_probability"].tolist() == (customers["age"] / 1000).tolist()
    others = client.predict(dicts), client.predict([CustomerRecord(**row) for row in dicts])
    for other in others:
        pd.testing.assert_frame_equal(other, frame.reset_index(drop=True))
    assert client.predict_one(dicts[0]) == {
        "customer_id": dicts[0]["customer_id"],
        "churn_prediction": 0,
        "churn_probability": dicts[0]["age"] / 1000,
    }


def test_a_large_frame_is_sent_in_chunks_and_keeps_its_order(server, customers):
    customers = customers.iloc[::-1]
    with ChurnClient(server.url, chunk_rows=10, progress=True) as client:
        scored = client.predict(customers)
    assert [len(body["dataframe_split"]["data"]) for _, body in server.requests] == [10, 10, 5]
    assert scored["customer_id"].tolist() == customers["customer_id"].tolist()
    assert scored.index.equals(customers.index)


@pytest.mark.parametrize(("max_rows", "sent"), [(7, [25, 13, 7, 7, 7, 4]), (1, [25, 13, 7, 4, 2])])
def test_a_chunk_that_is_too_large_is_halved(client, server, customers, max_rows, sent):
    server.max_rows = max_rows
    scored = client.predict(customers)
    assert scored["customer_id"].tolist() == customers["customer_id"].tolist()
    rows = [len(body["dataframe_split"]["data"]) for _, body in server.requests]
    assert rows == (sent if max_rows > 1 else sent + [1] * 25)


def test_one_customer_that_is_too_large_is_rejected(client, server, customers):
    server.max_rows = 0
    with pytest.raises(RequestRejected, match="413: too large"):
        client.predict(customers)
    assert [len(body["dataframe_split"]["data"]) for _, body in server.requests][-1] == 1


def test_values_are_sent_unaltered_and_missing_ones_as_null(client, server, customers):
    customers.loc[0, "monthly_charges"] = 0.1 + 0.2
    customers.loc[0, "total_charges"] = np.nan
    client.predict(customers.head(1))
    sent = server.requests[0][1]["dataframe_split"]
    row = dict(zip(sent["columns"], sent["data"][0], strict=True))
    assert row["monthly_charges"] == 0.1 + 0.2
    assert row["total_charges"] is None
    assert type(row["age"]) is int


def test_integers_in_a_float_column_are_sent_as_integers(client, server, customers):
    client.predict(customers.head(1).astype({"age": float}))
    sent = server.requests[0][1]["dataframe_split"]
    assert type(sent["data"][0][sent["columns"].index("age")]) is int


def test_params_are_sent(client, server, customers):
    client.predict(customers.head(1), threshold=0.3, explain=True)
    assert server.requests[0][1]["params"] == {
        "explain": True,
        "on_invalid": "raise",
        "threshold": 0.3,
    }


def test_invalid_customers_are_rejected_before_they_are_sent(client, server, customers):
    customers["age"] = customers["age"].astype(float)
    customers.loc[3, "age"] = 30.5
    with pytest.raises(InvalidRecords, match="row 3, age: must be an integer"):
        client.predict(customers)
    assert server.requests == []


def test_invalid_customers_keep_their_positions_in_a_report(client, server, customers):
    customers.index = customers.index + 100
    customers.loc[[103, 110], "age"] = -1
    scored = client.predict(customers, on_invalid="report")
    assert scored.index.equals(customers.index)
    assert scored["customer_id"].tolist() == customers["customer_id"].tolist()
    assert scored.loc[103, "churn_probability"] is None
    assert scored.loc[110, "error"] == "age: must be at least 0"
    valid = customers["age"] >= 0
    expected = (customers.loc[valid, "age"] / 1000).tolist()
    assert scored.loc[valid, "churn_probability"].tolist() == expected
    assert len(server.requests[0][1]["dataframe_split"]["data"]) == valid.sum()


def test_an_invalid_customer_has_an_empty_list_of_reasons_as_everywhere_else(client, customers):
    customers.loc[3, "age"] = -1
    scored = client.predict(customers, explain=True, on_invalid="report")
    assert scored.loc[3, "reasons"] == []


def test_a_report_joins_all_errors_of_a_customer(client, customers):
    customers.loc[2, ["age", "tenure"]] = -1
    scored = client.predict(customers, on_invalid="report")
    assert scored.loc[2, "error"] == "age: must be at least 0; tenure: must be at least 0"


@pytest.mark.parametrize("empty", [[], pd.DataFrame()])
def test_no_customers_give_an_empty_table_with_columns(client, empty):
    scored = client.predict(empty)
    assert list(scored) == ["customer_id", "churn_prediction", "churn_probability"]
    assert len(scored) == 0


def test_field_errors_of_the_server_count_rows_as_the_caller_does(server, customers):
    body = {
        "message": "invalid",
        "errors": [{"loc": ["customers", 2, "age"], "msg": "too old", "type": "rule"}],
        "error_count": 4,
    }
    ok = {"predictions": [{"churn_probability": 0.5}] * 10}
    server.planned = [(200, {}, json.dumps(ok).encode()), (400, {}, json.dumps(body).encode())]
    client = ChurnClient(server.url, chunk_rows=10)
    with client, pytest.raises(InvalidRecords, match="row 12, age: too old; and 3 more") as caught:
        client.predict(customers)
    assert caught.value.count == 4


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRejected),
        (401, KeyRejected),
        (403, KeyRejected),
        (404, RequestRejected),
        (500, ServerFailed),
        (502, Unavailable),
        (504, TimedOut),
    ],
)
def test_each_status_has_its_error(client, server, customers, status, kind):
    server.planned = [(status, {"X-Request-ID": "abc"}, b'{"message": "why"}')]
    with pytest.raises(kind, match=rf"{status}: why \(request abc\)") as caught:
        client.predict(customers)
    assert caught.value.status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_request_is_repeated_after_the_pause_that_a_busy_server_asks_for(
    client, server, customers, status, pauses
):
    server.planned = [(status, {"Retry-After": "7"}, b"")]
    assert len(client.predict(customers)) == len(customers)
    assert pauses == [7]
    assert len(server.requests) == 2


def test_a_server_that_asks_for_a_long_pause_is_reported_at_once(client, server, customers, pauses):
    server.planned = [(503, {"Retry-After": "3600"}, b'{"message": "full"}')]
    with pytest.raises(Unavailable, match="503: full; try again in 3600 s") as caught:
        client.predict(customers)
    assert caught.value.retry_after == 3600
    assert pauses == []
    assert len(server.requests) == 1


def test_the_pauses_of_a_request_are_limited_in_total(server, customers, pauses):
    server.planned = [(429, {"Retry-After": "20"}, b"")] * 3
    with ChurnClient(server.url, max_wait=50) as client, pytest.raises(Unavailable, match="20 s"):
        client.predict(customers)
    assert pauses == [20, 20]


def test_a_retry_after_may_be_a_date(client, server, customers, pauses):
    later = format_datetime(datetime.fromtimestamp(time.time() + 30, timezone.utc), usegmt=True)
    server.planned = [(503, {"Retry-After": later}, b""), (503, {"Retry-After": "soon"}, b"")]
    client.predict(customers)
    assert pauses[0] == pytest.approx(29, abs=2)
    assert pauses[1] == pytest.approx(0.55, abs=0.05)  # as without the header


def test_a_server_that_stays_busy_is_given_up(client, server, customers, pauses):
    server.planned = [(503, {"Retry-After": "0"}, b'{"message": "full"}')] * 5
    with pytest.raises(Unavailable, match="503: full"):
        client.predict(customers)
    assert len(server.requests) == 3  # the first attempt and two retries
    assert [pause for pause in pauses if pause] == [pytest.approx(0.55, abs=0.05)]


def test_a_dropped_connection_is_tried_again(client, server, customers):
    server.planned = ["drop"]
    assert len(client.predict(customers)) == len(customers)


@pytest.mark.parametrize("plan", ["cut", "cut chunked"])
def test_an_incomplete_response_is_requested_again(client, server, customers, plan, pauses):
    server.planned = [plan]
    assert len(client.predict(customers)) == len(customers)
    server.planned = [plan] * 3
    with pytest.raises(Unavailable, match="closed the connection before its response was complete"):
        client.predict(customers)
    assert server.planned == []


def test_a_response_that_stops_is_a_timeout_and_is_not_repeated(server, customers):
    server.planned = ["stop"]
    with ChurnClient(server.url, timeout=0.1) as client, pytest.raises(TimedOut):
        client.predict(customers)
    assert len(server.requests) == 1


def test_a_slow_reply_is_a_timeout_and_is_not_repeated(server, customers):
    server.planned = ["hang"]
    with ChurnClient(server.url, timeout=0.1) as client, pytest.raises(TimedOut):
        client.predict(customers)
    assert len(server.requests) == 1


def test_a_closed_port_is_unavailable(customers):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with ChurnClient(f"http://127.0.0.1:{port}", retries=0) as client:
        with pytest.raises(Unavailable, match="is the server running"):
            client.predict(customers)
        with pytest.raises(Unavailable):
            client.ping()


@pytest.mark.parametrize(
    "url",
    [
        *(
            "nonsense",
            "ftp://x",
            "http://",
            "http://x:port",
            "http://[::1",
            "http://x\\@y",
            "http://x y",
        ),
        *("//svc:secret@x", "ftp://svc:secret@x", "http://svc:sec/ret@x", "http://svc:secret@"),
        "http://x?token=secret",
    ],
)
def test_an_invalid_url_is_rejected_without_showing_it(url):
    with pytest.raises(InvalidParameter, match="URL of the server is invalid") as caught:
        ChurnClient(url)
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"retries": -1},
        {"max_wait": -1},
        {"chunk_rows": 0},
        {"timeout": 0},
        {"timeout": (1.0, -1.0)},
    ],
)
def test_a_number_outside_its_range_is_rejected(arguments):
    with pytest.raises(InvalidParameter, match=f"{next(iter(arguments))} must be"):
        ChurnClient("http://localhost", **arguments)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"predictions": 3}', b'{"predictions": []}']
)
def test_a_response_without_scores_is_a_server_failure(client, server, customers, body):
    server.planned = [(200, {}, body)]
    with pytest.raises(ServerFailed, match="does not contain one score per customer"):
        client.predict(customers)


def test_the_api_key_is_sent_in_its_header(server, customers):
    with ChurnClient(server.url, "secret") as client:
        client.predict(customers.head(1))
    assert server.requests[0][0]["X-API-Key"] == "secret"


def test_whitespace_around_the_api_key_is_not_sent(server, customers):
    with ChurnClient(server.url, " secret\r\n") as client:
        client.predict(customers.head(1))
    assert server.requests[0][0]["X-API-Key"] == "secret"


@pytest.mark.parametrize("key", ["sec\nret", "sec\x00ret", "secret\u20ac", "", " \n"])
def test_an_invalid_api_key_is_rejected_without_showing_it(key):
    with pytest.raises(InvalidParameter, match="the API key") as caught:
        ChurnClient("http://localhost", key)
    assert "sec" not in str(caught.value)


def test_an_error_of_the_server_that_contains_the_key_is_shown_without_it(server, customers):
    server.planned = [(401, {}, b'{"message": "unknown key s3cret"}')]
    client = ChurnClient(server.url, "s3cret")
    with client, pytest.raises(KeyRejected, match=r"401: unknown key \*\*\*$"):
        client.predict(customers)


@pytest.mark.parametrize("path", ["/openapi.json", "/invocations"])
def test_a_redirect_to_another_server_is_not_followed(server, other_server, customers, path):
    server.redirects[path] = other_server.url.replace("//", "//svc:s3cret@") + path
    client, words = ChurnClient(server.url, "k3y"), f"redirects to {other_server.url};"
    with client, pytest.raises(RequestRejected, match=words) as caught:
        client.predict(customers)
    assert other_server.requests == []
    assert "s3cret" not in str(caught.value)
    assert "k3y" not in str(caught.value)


def test_a_redirect_within_the_server_is_followed(server, customers):
    server.redirects["/invocations"] = "/moved"
    with ChurnClient(server.url, "secret") as client:
        assert len(client.predict(customers)) == len(customers)
    assert [headers["X-API-Key"] for headers, _ in server.requests] == ["secret"] * 2


@pytest.mark.parametrize("target", ["http://[", "http://127.0.0.1:port", "/invocations"])
def test_a_redirect_that_leads_nowhere_is_a_client_error(server, customers, target):
    server.redirects["/invocations"] = target
    with ChurnClient(server.url) as client, pytest.raises(RequestRejected):
        client.predict(customers)


def test_credentials_in_the_url_are_sent_and_not_shown(server, customers):
    with ChurnClient(server.url.replace("//", "//svc:s3cret@")) as client:
        client.predict(customers)
        assert server.requests[0][0]["Authorization"].startswith("Basic ")
        server.planned = [(200, {}, b"")]
        with pytest.raises(ServerFailed, match=r"http://\*\*\*@127") as caught:
            client.predict(customers)
        assert "s3cret" not in str(caught.value)
    with ChurnClient("http://svc:s3cret@127.0.0.1:9", retries=0) as client:
        with pytest.raises(Unavailable) as unavailable:
            client.ping()
        assert "s3cret" not in str(unavailable.value)


def test_ping_recognises_a_server_without_a_model(client, server):
    assert client.ping()
    server.planned = [(404, {}, b"")]
    assert not client.ping()


def test_without_a_schema_only_the_server_validates(server, customers):
    customers["age"] = customers["age"].astype(float)
    customers.loc[0, "age"] = 30.5
    customers["extra"] = "x"
    with ChurnClient(server.url, schema=None) as client:
        client.predict(customers)
        sent = server.requests[0][1]["dataframe_split"]
        assert sent["columns"] == list(customers)
        assert sent["data"][0][1] == 30.5
        with pytest.raises(RequestRejected, match="cannot be written as JSON"):
            client.predict(customers.assign(extra=pd.Timedelta(0)))


class Dated(BaseModel):
    """Another record than the default."""

    signed: date
    plan: Literal["basic", "plus"]


def test_the_client_uses_the_schema_that_the_server_publishes(server):
    document = RecordSchema.from_model(Dated).to_json_schema()
    server.openapi = {"components": {"schemas": {"Customer": document}}}
    with ChurnClient(server.url) as client:
        with pytest.raises(InvalidRecords, match=r"plan: must be one of 'basic', 'plus'"):
            client.predict([{"signed": "2024-01-31", "plan": "pro"}])
        assert client.schema == RecordSchema.from_model(Dated)


def test_the_schema_is_requested_again_for_another_version_or_an_invalid_record(server):
    document = RecordSchema.from_model(Dated).to_json_schema()
    server.openapi = {"components": {"schemas": {"Customer": document}}}
    customer = {"signed": "2024-01-31", "plan": "pro"}
    with ChurnClient(server.url) as client:
        client.predict([customer | {"plan": "plus"}])
        document["properties"]["plan"]["enum"].append("pro")
        client.predict([customer])
        document["properties"]["score"] = {"type": "number"}
        document["propertyOrdering"].append("score")
        for version in ("1", "2"):
            reply = {"predictions": [{"churn_prediction": 0, "churn_probability": 0.1}]}
            server.planned.append((200, {"X-Model-Version": version}, json.dumps(reply).encode()))
            client.predict([customer | {"score": 2.5}])
        client.predict([customer | {"score": 2.5}])
    sent = [body["dataframe_split"]["columns"] for _, body in server.requests]
    # the request that version 2 answered was written again with its schema
    assert sent == [["signed", "plan"]] * 4 + [["signed", "plan", "score"]] * 2


@pytest.mark.parametrize(("versions", "reported"), [(["7"] * 3, "7"), ([""] * 3, None), ([], None)])
def test_the_model_version_is_reported(server, customers, versions, reported):
    server.versions = iter(versions)
    with ChurnClient(server.url, chunk_rows=10) as client:
        assert client.predict(customers).attrs == {"model_version": reported}
        assert client.predict([]).attrs == {"model_version": None}
    assert len(server.requests) == 3


@pytest.mark.parametrize("old", ["7", ""])
def test_a_table_is_scored_again_if_the_model_version_changes(server, customers, pauses, old):
    server.versions = iter([old, "8", "8", "8", "8"])
    with ChurnClient(server.url, chunk_rows=10) as client:
        scored = client.predict(customers)
    assert scored["customer_id"].tolist() == customers["customer_id"].tolist()
    assert scored.attrs["model_version"] == "8"
    assert len(server.requests) == 5


def test_a_model_version_that_keeps_changing_is_an_error(server, customers, pauses):
    server.versions = cycle(["7", "8"])
    client = ChurnClient(server.url, chunk_rows=10)
    with client, pytest.raises(VersionChanged, match="7 and 8") as caught:
        client.predict(customers)
    assert isinstance(caught.value, ClientError)
    assert len(server.requests) == 7 * 2
    assert 10 < sum(pauses) < 20


def test_mixed_versions_can_be_permitted(server, customers):
    server.versions = cycle(["7", "8"])
    with ChurnClient(server.url, chunk_rows=10, mixed_versions=True) as client:
        scored = client.predict(customers)
    assert len(scored) == len(customers)
    assert scored.attrs["model_version"] is None
    assert len(server.requests) == 3


def test_dates_and_the_day_of_scoring_are_sent_as_strings(server):
    with ChurnClient(server.url, schema=RecordSchema.from_model(Dated)) as client:
        for day in ("2024-01-31", date(2024, 1, 31), pd.Timestamp("2024-01-31")):
            client.predict([{"signed": day, "plan": "plus"}], as_of=date(2026, 1, 31))
        frame = pd.DataFrame({"signed": [pd.Timestamp("2024-01-31")], "plan": ["plus"]})
        client.predict(frame, as_of="2026-01-31")
    for _, body in server.requests:
        assert body["dataframe_split"]["data"] == [["2024-01-31", "plus"]]
        assert body["params"]["as_of"] == "2026-01-31"


def test_a_frame_with_a_duplicate_column_is_rejected(client, customers):
    with pytest.raises(SchemaError, match="duplicate columns"):
        client.predict(pd.concat([customers, customers[["age"]]], axis=1))
