"""Replies to requests that arrive whole, which need no task, and to the same ones in parts."""

from __future__ import annotations

import gzip
import json
import re
import socket
import time
from contextlib import contextmanager

import pytest

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
    with connected(server) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.02)
        return receive(connection)


@contextmanager
def connected(server):
    """A connection that has served a request: its first one always gets a task."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(PING)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        yield connection


def receive(connection) -> bytes:
    """A small reply, which the server writes in one piece, without what is different each time."""
    without_date = re.sub(rb"date: [^\r]*\r\n", b"", connection.recv(65_536))
    return re.sub(rb"[0-9a-f]{32}", b"<id>", without_date)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_in_one_packet_and_in_several_get_the_same_reply(server, name):
    status, sent = REQUESTS[name]
    whole = reply(server, [sent])
    assert whole.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nx-request-id: " in whole or name == "a preflight"
    assert reply(server, in_parts(sent)) == whole


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_with_the_head_of_earlier_ones_gets_the_same_reply(server, name):
    _, sent = REQUESTS[name]
    with connected(server) as connection:
        replies = []
        for _ in range(5):
            connection.sendall(sent)
            replies.append(receive(connection))
            if b"connection: close" in replies[-1]:
                break
    assert set(replies) == {replies[0]}
    assert replies[0] == reply(server, [sent])


def test_a_known_head_is_read_as_ever_whatever_comes_with_it(server):
    """The same head with other bodies, in parts, before and after another request."""
    valid, other = single(JSON, ALLOWED), single(JSON, ALLOWED, body=BODY.replace(b"C", b"D"))
    invalid = single(JSON, ALLOWED, body=b"[" * len(BODY))
    last = single(JSON, ALLOWED, "Connection: close")
    with connected(server) as connection:

        def send(*packets: bytes) -> bytes:
            for packet in packets:
                connection.sendall(packet)
                time.sleep(0.02)
            return receive(connection)

        first = send(valid)
        assert send(valid) == send(valid) == first
        assert send(other) == first.replace(b"C", b"D").replace(b"Dontent", b"Content")
        assert send(invalid).startswith(b"HTTP/1.1 400 ")
        assert send(*in_parts(valid)) == first
        assert send(valid[:-1], valid[-1:]) == first
        assert send(b"\r\n" + valid) == first
        assert send(b"\r\n", valid) == first
        assert send(valid) == first
        connection.sendall(valid + other + valid[:30])
        both = b""
        while both.count(b"churn_probability") < 2:
            both += receive(connection)
        assert both.startswith(first)
        assert send(valid[30:]) == first
        assert send(valid) == first
        assert b"\r\nconnection: close\r\n" in send(last)
        connection.sendall(valid)
        assert connection.recv(65_536) == b""


def test_each_known_head_belongs_to_its_own_client(served):
    """Clients that take turns on their connections are told apart by their heads."""
    other, stored = make()
    keys = [f"billing={STORED.hash}", f"sales={stored.hash}"]
    limited = server_thread(served, keys=keys, rate_limit="5/minute")
    with limited as server, connected(server) as one, connected(server) as two:
        statuses = []
        for _ in range(6):
            for connection, key in ((one, KEY), (two, other)):
                connection.sendall(single(JSON, f"X-API-Key: {key}"))
                statuses.append(receive(connection)[9:12])
    assert statuses == [b"200"] * 10 + [b"429"] * 2


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
