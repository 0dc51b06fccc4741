"""Clients that send too much, too slowly or something else, and clients that do not read."""

from __future__ import annotations

import gzip
import json
import re
import select
import socket
import threading
import time
from contextlib import suppress

import pytest

from serving.http import connections
from serving.http.api_keys import add
from serving.http.exchange import Exchange
from tests.customers import CUSTOMER
from tests.integration.serving.conftest import server_thread, until

BODY = json.dumps(CUSTOMER).encode()


@pytest.fixture(autouse=True)
def short_sweeps(monkeypatch):
    monkeypatch.setattr(connections, "_SWEEP_SECONDS", 0.05)


def connect(server, data: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(data)
    return connection


def read_all(connection: socket.socket) -> bytes:
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def post(*headers: bytes, body: bytes = BODY, path: bytes = b"/predict/single") -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: x", b"Content-Type: application/json"]
    lines += [*headers, b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


UPGRADE = (
    b"Connection: Upgrade, HTTP2-Settings",
    b"Upgrade: h2c",
    b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
)


@pytest.mark.parametrize("packets", [1, 2, 3])
def test_a_request_to_upgrade_is_answered_in_http_1_with_its_body(served, packets):
    request = post(*UPGRADE)
    head = request.index(b"\r\n\r\n") + 4
    cuts = {1: [], 2: [head], 3: [20, head + 5]}[packets]
    with server_thread(served) as server, connect(server) as connection:
        for start, end in zip([0, *cuts], [*cuts, len(request)], strict=True):
            connection.sendall(request[start:end])
            time.sleep(0.05)
        connection.sendall(post(b"Connection: close"))
        replies = read_all(connection)
    assert replies.count(b"HTTP/1.1 200") == 2
    assert replies.count(b"HTTP/1.1") == 2
    assert replies.count(b"churn_probability") == 2


def test_a_body_of_an_upgrade_is_never_read_as_a_request(served):
    smuggled = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    with server_thread(served) as server:
        with connect(server, post(*UPGRADE, body=b"")) as connection:
            pass
        request = post(*UPGRADE, b"Connection: close", body=smuggled)
        with connect(server, request[: -len(smuggled)]) as connection:
            time.sleep(0.1)
            connection.sendall(smuggled)
            replies = read_all(connection)
    assert replies.count(b"HTTP/1.1") == 1
    assert replies.startswith(b"HTTP/1.1 400")
    assert b"churn_requests" not in replies


def chunked(trailer: bytes, *headers: bytes) -> bytes:
    lines = [b"POST /predict/single HTTP/1.1", b"Host: x", *headers, b"Transfer-Encoding: chunked"]
    return b"\r\n".join(lines) + b"\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(BODY), BODY) + trailer


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([b"Transfer-Encoding: gzip, chunked"], b"501"),
        ([b"Transfer-Encoding: chunked, chunked"], b"400"),
        ([b"Transfer-Encoding: chunked;q=1"], b"501"),
        ([b"Transfer-Encoding: identity"], b"501"),
        ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"], b"400"),
        ([b"Transfer-Encoding:\x0bchunked"], b"400"),
        ([b"Transfer-Encoding : chunked"], b"400"),
        ([b"Transfer-Encoding: chunked", b"Content-Length: 5"], b"400"),
        ([b"Content-Length: 5", b"Transfer-Encoding: chunked"], b"400"),
        ([b"Content-Length: 5", b"Content-Length: 6"], b"400"),
        ([b"Content-Length: 5", b"Content-Length: 5"], b"400"),
        ([b"Content-Length: 5, 5"], b"400"),
        ([b"Content-Length: +5"], b"400"),
        ([b"Content-Length: 0x5"], b"400"),
        ([b"Content-Length: 5_0"], b"400"),
        ([b"Content-Length: -5"], b"400"),
        ([b"Content-Length: "], b"400"),
    ],
)
def test_an_ambiguous_end_of_the_body_is_rejected(served, headers, status):
    head = b"\r\n".join([b"POST /predict/single HTTP/1.1", b"Host: x", *headers])
    with (
        server_thread(served) as server,
        connect(server, head + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n") as connection,
    ):
        replies = read_all(connection)
    assert re.findall(rb"HTTP/1.1 (\d+) ", replies) == [status]
    assert b"connection: close\r\n" in replies


@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_body_that_is_not_valid_is_400_after_the_replies_to_earlier_requests(served, before):
    head = chunked(b"").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    for sent in (head + b"ZZ\r\n" + post(), head + b"1\r\n{{{"):
        with server_thread(served) as server, connect(server, post() * before + sent) as connection:
            replies = read_all(connection)
        statuses = re.findall(rb"HTTP/1.1 (\d+) ", replies)
        assert statuses == [b"200"] * before + [b"400"]


@pytest.mark.parametrize(
    ("target", "status"), [(b"http://x/ping", b"200"), (b"http://x", b"404"), (b"*", b"404")]
)
def test_a_request_target_may_be_a_whole_address(served, target, status):
    request = b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with server_thread(served) as server, connect(server, request) as connection:
        assert re.findall(rb"HTTP/1.1 (\d+) ", read_all(connection)) == [status]


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b"  chunked "])
def test_a_chunked_body_is_scored(served, value):
    request = chunked(b"\r\n", b"Content-Type: application/json", b"Connection: close")
    request = request.replace(b"Encoding: chunked", b"Encoding: " + value)
    with server_thread(served) as server, connect(server, request) as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")


def test_trailers_are_no_headers(served, tmp_path):
    key = add(tmp_path / "keys.toml", "a").encode()
    trailer = b"X-API-Key: " + key + b"\r\nX-Request-ID: trailer\r\n\r\n"
    headers = [b"Content-Type: application/json", b"Connection: close"]
    with server_thread(served, keys_file=tmp_path / "keys.toml") as server:
        with connect(server, chunked(trailer, *headers)) as connection:
            assert read_all(connection).startswith(b"HTTP/1.1 401 ")
        request = chunked(trailer, *headers, b"X-API-Key: " + key)
        with connect(server, request) as connection:
            reply = read_all(connection)
        assert reply.startswith(b"HTTP/1.1 200 ")
        assert b"x-request-id: trailer" not in reply


def test_an_endless_trailer_ends_the_connection(served):
    with server_thread(served, max_headers=2000) as server:
        start = chunked(b"X-Trailer: ", b"Content-Type: application/json")
        with connect(server, start) as connection, suppress(OSError):
            for _ in range(100):
                connection.sendall(b"x" * 500)
                time.sleep(0.01)
            raise AssertionError("the trailer was accepted")


def test_an_answered_request_whose_body_does_not_end_gets_no_second_reply(served):
    request = post(body=b"x" * 500, path=b"/nowhere")[:-400]
    with (
        server_thread(served, header_timeout=0.2) as server,
        connect(server, request) as connection,
    ):
        replies = read_all(connection)
    assert replies.count(b"HTTP/1.1") == 1
    assert replies.startswith(b"HTTP/1.1 404 ")


def test_decompressed_bodies_are_bounded_together(served):
    body = gzip.compress(b'{"customers":[' + b" " * 900_000 + b"]}")
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    with server_thread(served, max_bodies=800_000) as server:
        assert server.post("/predict", data=body, headers=headers).status_code == 503
    with server_thread(served) as server:
        assert server.post("/predict", data=body, headers=headers).status_code == 200


def test_connect_is_rejected(served):
    request = b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"
    with server_thread(served) as server, connect(server, request) as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 400")


def test_large_headers_are_431_before_they_are_complete(served):
    with server_thread(served, max_headers=2000) as server:
        with connect(server, b"GET /ping HTTP/1.1\r\nHost: x\r\nX-Long: ") as connection:
            for _ in range(3):
                time.sleep(0.02)
                connection.sendall(b"x" * 700)
            reply = read_all(connection)
        assert reply.startswith(b"HTTP/1.1 431 ")
        error = json.loads(reply.partition(b"\r\n\r\n")[2])
        assert error["message"] == "the headers are larger than 2000 bytes"
        many = b"".join(b"X-%d: y\r\n" % i for i in range(400))
        with connect(server, b"GET /ping HTTP/1.1\r\n" + many + b"\r\n") as connection:
            assert read_all(connection).startswith(b"HTTP/1.1 431 ")
        assert server.get("/ping", headers={"X-Long": "x" * 1000}).status_code == 200


@pytest.mark.parametrize(
    ("sent", "reply"),
    [
        (b"", b""),
        (b"\r\n", b"HTTP/1.1 408 "),
        (b"GET /pi", b"HTTP/1.1 408 "),
        (b"GET /ping HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.1 408 "),
    ],
)
def test_a_request_head_that_does_not_arrive_in_time_is_408(served, sent, reply):
    with server_thread(served, header_timeout=0.2) as server, connect(server, sent) as connection:
        answer = read_all(connection)
        assert answer[: len(reply)] == reply
        assert bool(answer) == bool(reply)


def test_a_second_request_that_does_not_arrive_in_time_is_408_and_an_idle_client_stays(served):
    ping = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
    with (
        server_thread(served, header_timeout=0.2) as server,
        connect(server, ping) as idle,
        connect(server, ping + b"GET /he") as slow,
    ):
        replies = read_all(slow)
        assert replies.count(b"HTTP/1.1 200") == 1
        assert replies.count(b"HTTP/1.1 408") == 1
        time.sleep(0.5)
        idle.sendall(ping)
        until(lambda: idle.recv(65_536).count(b"HTTP/1.1 200") >= 1, 5)


def test_an_unused_connection_is_closed(served, monkeypatch):
    monkeypatch.setattr("serving.server._IDLE_SECONDS", 0.2)
    ping = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
    with server_thread(served) as server, connect(server, ping) as idle:
        assert read_all(idle).count(b"HTTP/1.1") == 1


def test_silent_connections_make_room_for_new_ones(served):
    with server_thread(served, max_connections=5) as server:
        silent = [connect(server) for _ in range(20)]
        assert server.post("/predict/single", json=CUSTOMER).status_code == 200
        closed = [each for each in silent if select.select([each], [], [], 0)[0]]
        assert len(closed) == 16
        assert all(read_all(each) == b"" for each in closed)
        for each in silent:
            each.close()


def test_when_all_connections_are_busy_a_new_one_gets_503(served):
    head = post(body=b"x" * 100)[:-100]
    with server_thread(served, max_connections=3) as server:
        busy = [connect(server, head) for _ in range(3)]
        time.sleep(0.2)
        with connect(server) as refused:
            reply = read_all(refused)
        assert reply.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in reply
        for each in busy:
            each.close()


def test_clients_that_do_not_read_take_no_capacity_and_are_disconnected(served):
    bundle = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
    with server_thread(served, max_concurrency=2, write_timeout=0.5) as server:
        stalled = [connect(server, bundle * 20) for _ in range(8)]
        for _ in range(20):
            assert server.post("/predict/single", json=CUSTOMER).status_code == 200
            assert server.get("/metrics").status_code == 200
        time.sleep(1)
        for each in stalled:
            received = read_all(each)
            assert 0 < len(received) < 20 * 1_000_000
            each.close()


def test_unread_replies_are_bounded_over_all_connections(served):
    bundle = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
    with server_thread(served, max_unread=3_000_000) as server:
        stalled = [connect(server, bundle * 20) for _ in range(8)]
        time.sleep(1)
        ended = []
        for each in stalled:
            each.settimeout(0.5)
            try:
                while each.recv(1 << 20):
                    pass
                ended.append(each)
            except TimeoutError:
                pass
            except ConnectionResetError:
                ended.append(each)
            each.close()
        assert ended


def numbered(count: int, path: str = "/ping") -> bytes:
    """Requests without a body whose ids are their numbers; the last one ends the connection."""
    heads = [f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-ID: {i}\r\n" for i in range(count)]
    return ("\r\n".join(heads) + "Connection: close\r\n\r\n").encode()


def ids(replies: bytes) -> list[int]:
    return [int(each) for each in re.findall(rb"x-request-id: (\d+)\r", replies)]


@pytest.mark.parametrize("count", [2, 101, 5000])
def test_requests_sent_ahead_are_answered_in_order(served, count):
    with server_thread(served) as server, connect(server) as connection:
        sender = threading.Thread(target=connection.sendall, args=(numbered(count),))
        sender.start()
        replies = read_all(connection)
        sender.join()
    assert ids(replies) == list(range(count))
    assert replies.count(b"HTTP/1.1 200 ") == count


def test_requests_with_bodies_sent_ahead_are_answered_in_order(served):
    requests = [post(b"X-Request-ID: %d" % i) for i in range(300)]
    with server_thread(served) as server, connect(server) as connection:
        connection.sendall(b"".join(requests) + numbered(1))
        replies = read_all(connection)
    assert ids(replies) == [*range(300), 0]
    assert replies.count(b"churn_probability") == 300


def test_only_some_of_the_requests_sent_ahead_are_in_memory(served, monkeypatch):
    made = []
    monkeypatch.setattr(Exchange, "__init__", counted(Exchange.__init__, made))
    bundle = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
    with server_thread(served) as server, connect(server) as connection:
        connection.settimeout(0.5)
        with suppress(TimeoutError):
            connection.sendall(bundle * 3 + b"GET / HTTP/1.1\r\n\r\n" * 1_000_000)
        assert 3 < len(made) < 200


def counted(function, calls):
    def call(*arguments, **more):
        calls.append(1)
        return function(*arguments, **more)

    return call


def test_requests_before_an_invalid_one_are_answered(served):
    ping = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
    for invalid, status in ((b"no request\r\n\r\n", b"400"), (b"G / HTTP/1.1\r\n\r\n", b"400")):
        with (
            server_thread(served) as server,
            connect(server, ping * 3 + invalid + ping) as connection,
        ):
            replies = read_all(connection)
        assert re.findall(rb"HTTP/1.1 (\d+) ", replies) == [b"200", b"200", b"200", status]


def test_uploads_that_are_held_open_are_bounded_together(served):
    size = 200_000
    head = post(body=b"x" * size, path=b"/predict")[:-size]
    with server_thread(served, max_bodies=700_000) as server:  # the first 64 KiB do not count
        held = [connect(server, head + b"x" * (size - 1)) for _ in range(8)]
        replies = []
        for each in held:
            each.settimeout(1)
            try:
                replies.append(each.recv(65_536))
            except TimeoutError:
                replies.append(b"")
        assert sum(reply.startswith(b"HTTP/1.1 503 ") for reply in replies) == 3
        assert server.post("/predict/single", json=CUSTOMER).status_code == 200
        for each in held:
            each.close()
        time.sleep(0.2)
        body = json.dumps({"customers": [CUSTOMER] * 5000})
        headers = {"Content-Type": "application/json"}
        assert server.post("/predict", data=body, headers=headers).status_code == 200
