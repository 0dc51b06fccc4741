"""Replies to requests that arrive whole, which need no task, and to the same ones in parts."""

from __future__ import annotations

import gzip
import json
import re
import socket
import time
from contextlib import suppress

import pytest

from serving.http import connections
from serving.http.api_keys import make
from tests.customers import CUSTOMER
from tests.integration.serving.conftest import server_thread

KEY, STORED = make()
BODY = json.dumps(CUSTOMER).encode()
TABLE = ",".join(CUSTOMER).encode() + b"\n" + ",".join(map(str, CUSTOMER.values())).encode()
JSON = "Content-Type: application/json"
ALLOWED = f"X-API-Key: {KEY}"
ORIGIN = "Origin: http://allowed.example"


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{line} HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def single(*headers: str, body: bytes = BODY, query: str = "") -> bytes:
    return request(f"POST /predict/single{query}", *headers, body=body)


PING = request("GET /ping")
REQUESTS = {
    "a score": (200, single(JSON, ALLOWED)),
    "a score with its own id": (200, single(JSON, ALLOWED, "X-Request-ID: mine")),
    "a score for a page": (200, single(JSON, ALLOWED, ORIGIN)),
    "reasons": (200, single(JSON, ALLOWED, query="?explain=true")),
    "several customers": (
        200,
        request("POST /predict", JSON, ALLOWED, body=b'{"customers": [%b, %b]}' % (BODY, BODY)),
    ),
    "gzip": (200, single(JSON, ALLOWED, "Content-Encoding: gzip", body=gzip.compress(BODY))),
    "a table": (200, request("POST /invocations", "Content-Type: text/csv", ALLOWED, body=TABLE)),
    "ping": (200, PING),
    "head": (200, request("HEAD /ping")),
    "an invalid customer": (400, single(JSON, ALLOWED, body=b'{"customer_id": "C1"}')),
    "no JSON": (400, single(JSON, ALLOWED, body=b"{")),
    "a wrong option": (400, single(JSON, ALLOWED, query="?threshold=2")),
    "no key": (401, single(JSON)),
    "an unknown key for a page": (401, single(JSON, "X-API-Key: wrong", ORIGIN)),
    "no route": (404, request("GET /nowhere", ALLOWED)),
    "a wrong method": (405, request("GET /predict/single", ALLOWED)),
    "no media type": (415, single(ALLOWED)),
    "a preflight": (
        200,
        request("OPTIONS /predict/single", ORIGIN, "Access-Control-Request-Method: POST"),
    ),
}
SETTINGS = {
    "keys": [f"billing={STORED.hash}"],
    "max_body_single": 800,
    "max_body": 5000,
    "cors_origins": ["http://allowed.example"],
}


@pytest.fixture(scope="module")
def server(served):
    with server_thread(served, **SETTINGS) as running:
        yield running


def in_parts(sent: bytes) -> list[bytes]:
    """A request whose head and body arrive in two packets each."""
    head = sent.index(b"\r\n\r\n") + 4
    return [
        sent[:20],
        sent[20:head],
        *filter(None, [sent[head:-1], sent[max(head, len(sent) - 1) :]]),
    ]


def reply(server, parts: list[bytes]) -> bytes:
    """The server's reply to these packets, without what differs between two requests."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(PING)  # the first request of a connection always gets a task
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        for part in parts:
            connection.sendall(part)
            time.sleep(0.02)
        received = connection.recv(65_536)  # the server writes a small reply in one piece
    without_date = re.sub(rb"date: [^\r]*\r\n", b"", received)
    return re.sub(rb"[0-9a-f]{32}", b"<id>", without_date)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_in_one_packet_and_in_several_get_the_same_reply(server, name):
    status, sent = REQUESTS[name]
    whole = reply(server, [sent])
    assert whole.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nx-request-id: " in whole or name == "a preflight"
    assert reply(server, in_parts(sent)) == whole


def test_a_large_body_that_arrives_whole_is_413(server):
    """In parts, it is rejected before its end, which the server does not read."""
    received = reply(server, [single(JSON, ALLOWED, body=b"x" * 900)])
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close\r\n" in received


def test_requests_in_one_packet_and_in_several_are_counted_together(served):
    sent = single(JSON)
    with server_thread(served, rate_limit="3/hour") as server:
        statuses = [reply(server, parts)[9:12] for parts in ([sent], in_parts(sent)) * 2]
    assert statuses == [b"200", b"200", b"200", b"429"]


def test_a_request_that_waits_for_a_thread_is_finished_at_shutdown(served):
    """It began without a task; the server has to know of it nevertheless."""
    sent = single(JSON, "Content-Encoding: gzip", body=gzip.compress(BODY))
    with server_thread(served) as server:
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        connection.sendall(PING)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(sent)
    with connection:
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_does_not_read_waits_and_is_disconnected_while_others_are_served(
    served, monkeypatch
):
    """Its next request begins without a task, and has to wait until the reply fits."""
    monkeypatch.setattr(connections, "_SWEEP_SECONDS", 0.05)
    bundle = request("GET /docs/swagger-ui-bundle.js")
    with (
        server_thread(served, write_timeout=0.5) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection,
    ):
        connection.sendall(PING)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        with suppress(ConnectionError):
            for _ in range(10):
                connection.sendall(bundle)
                time.sleep(0.05)
        assert reply(server, [single(JSON)]).startswith(b"HTTP/1.1 200 ")
        time.sleep(1)
        received = 0
        with suppress(ConnectionError):
            while part := connection.recv(1 << 20):
                received += part.count(b"HTTP/1.1 200 ")
        assert received < 10
