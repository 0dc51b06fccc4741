"""The server together with curl, TLS, Redis, a model in a folder, and a changed source file."""

from __future__ import annotations

import asyncio
import json
import select
import shutil
import socket
import ssl
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import mlflow
import pytest
import requests
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from serving.http.api_keys import make
from serving.http.errors import ApiError
from serving.http.rate_limit import RateLimiter
from serving.http.request_context import RequestContext
from serving.serve import main
from serving.served_model import load_model
from tests.customers import CUSTOMER
from tests.integration.conftest import assert_one_line, clean_environment, free_port
from tests.integration.serving.conftest import server_thread, until


def test_curl_gets_a_score_and_a_reason(ours):
    def curl(body):
        options = ["-d", json.dumps(body), "-H", "Content-Type: application/json"]
        done = subprocess.run(
            ["curl", "-sS", *options, "-w", "\n%{http_code}", f"{ours.url}/predict/single"],
            capture_output=True,
            text=True,
            check=True,
        )
        content, _, status = done.stdout.rpartition("\n")
        return json.loads(content), int(status)

    content, status = curl(CUSTOMER)
    assert status == 200
    assert 0 < content["churn_probability"] < 1
    content, status = curl(CUSTOMER | {"age": 30.5})
    assert status == 400
    assert content["errors"][0]["loc"][-1] == "age"


def test_pipelined_requests_are_answered_in_order(ours):
    bodies = [json.dumps(CUSTOMER | {"customer_id": f"P{i}"}).encode() for i in range(20)]
    sent = b"".join(
        b"POST /predict/single HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        for body in bodies
    )
    received = b""
    with socket.create_connection(("127.0.0.1", ours.port), timeout=20) as connection:
        connection.sendall(sent)
        while received.count(b"churn_probability") < 20:
            part = connection.recv(65536)
            assert part
            received += part
    positions = [received.index(b'"P%d"' % i) for i in range(20)]
    assert positions == sorted(positions)


def tls_status(port: int, authority: Path | None, certificate: Path | None = None) -> int:
    """The status of ``/ping`` over TLS.

    The connection is closed at once, also after a failed handshake. ``requests`` keeps it open until
    garbage is collected, and a server that shuts down waits for that.
    """
    context = ssl.create_default_context(cafile=authority)
    if certificate is not None:
        context.load_cert_chain(certificate)
    with (
        socket.create_connection(("127.0.0.1", port), 10) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as secured,
    ):
        secured.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        status_line = secured.recv(100)
        if not status_line:
            raise ConnectionError("the server closed the connection")
        return int(status_line.split()[1])


def test_the_server_speaks_tls(served, tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    files = {"ssl_certfile": tmp_path / "cert.pem", "ssl_keyfile": tmp_path / "key.pem"}
    with server_thread(served, **files) as server:
        assert tls_status(server.port, tmp_path / "ca.pem") == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            tls_status(server.port, None)


def test_with_ca_certificates_a_client_must_present_a_certificate(served, tmp_path):
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name, issuer in (("server", authority), ("client", authority), ("stranger", other)):
        issuer.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            tmp_path / f"{name}.pem"
        )
    files = {"ssl_certfile": tmp_path / "server.pem", "ssl_ca_certs": tmp_path / "ca.pem"}
    with server_thread(served, **files) as server:
        for certificate in (None, tmp_path / "stranger.pem"):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                tls_status(server.port, tmp_path / "ca.pem", certificate)
        assert tls_status(server.port, tmp_path / "ca.pem", tmp_path / "client.pem") == 200


@pytest.fixture
def tls_files(tmp_path):
    """The file of a server's certificate and key, and that of its authority."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "server.pem", tmp_path / "ca.pem"


def closed(connections):
    """Those of these connections that the server has closed."""
    return [each for each in connections if select.select([each], [], [], 0)[0]]


def test_a_tls_handshake_that_does_not_end_in_time_ends_the_connection(served, tls_files):
    settings = {"ssl_certfile": tls_files[0], "header_timeout": 0.3}
    with server_thread(served, **settings) as server:
        silent = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        begun = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        begun.sendall(b"\x16\x03\x01\x02\x00\x01")
        for connection in (silent, begun):
            with connection, suppress(ConnectionResetError):
                assert connection.recv(100) == b""


def test_connections_without_a_tls_handshake_make_room_for_others(served, tls_files):
    certificate, authority = tls_files
    with server_thread(served, ssl_certfile=certificate, max_connections=3) as server:
        address = ("127.0.0.1", server.port)
        silent = [socket.create_connection(address, timeout=20) for _ in range(10)]
        url = server.url.replace("http:", "https:") + "/ping"
        for _ in range(3):
            assert requests.get(url, verify=str(authority), timeout=10).status_code == 200
        until(lambda: len(closed(silent)) >= 8)
        for each in silent:
            each.close()


def test_a_plain_request_to_a_tls_port_ends_the_connection(served, tls_files):
    certificate, authority = tls_files
    with server_thread(served, ssl_certfile=certificate) as server:
        with pytest.raises(requests.ConnectionError):
            server.get("/ping")
        url = server.url.replace("http:", "https:") + "/ping"
        assert requests.get(url, verify=str(authority), timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--ssl-certfile", "none.pem"], "cannot be used (No such file or directory)"),
        (["--ssl-certfile", "text.pem"], "the certificate and its key cannot be used"),
        (["--ssl-certfile", "locked.pem"], "the certificate and its key cannot be used"),
        (["--ssl-certfile", "ok.pem", "--ssl-ca-certs", "none.pem"], "No such file"),
        (["--ssl-certfile", "ok.pem", "--ssl-ca-certs", "text.pem"], "--ssl-ca-certs text.pem: "),
        (["--ssl-keyfile", "ok.pem"], "--ssl-keyfile has no effect without --ssl-certfile"),
    ],
)
def test_unusable_tls_files_are_one_line(tmp_path, monkeypatch, capsys, flags, complaint):
    monkeypatch.chdir(tmp_path)
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path("ok.pem")
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    locked = key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret")
    )
    Path("locked.pem").write_bytes(locked + certificate.cert_chain_pems[0].bytes())
    Path("text.pem").write_text("no certificate")
    assert main(["-p", "0", *flags]) == 1
    stderr = capsys.readouterr().err
    assert complaint in stderr
    assert_one_line(stderr)


def _retry(ask, seconds=120):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.fixture
def redis(tmp_path):
    program = shutil.which("redis-server")
    assert program, "this test needs Redis (Debian: apt-get install redis-server)"
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen([program, *options], cwd=tmp_path, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}", process
    process.terminate()
    process.wait(10)


# the application leaves its connections to Redis to the end of the process
@pytest.mark.filterwarnings("ignore:unclosed resource:ResourceWarning")
def test_servers_with_the_same_redis_share_their_rate_limits(served, redis):
    key, stored = make()
    url, process = redis
    keys = f"a={stored.hash}"
    limits = {"keys": keys, "rate_limit": "10/hour", "rate_limit_storage": url}
    headers = {"X-API-Key": key}
    with server_thread(served, **limits) as one, server_thread(served, **limits) as other:
        statuses = [
            server.get("/version", headers=headers).status_code
            for _ in range(6)
            for server in (one, other)
        ]
        assert statuses == [200] * 10 + [429] * 2
        rejected = one.get("/version", headers=headers)
        assert 1 <= int(rejected.headers["Retry-After"]) <= 3601
        process.terminate()
        process.wait(10)
        reply = one.get("/version", headers=headers)
        assert (reply.status_code, reply.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        assert one.get("/ping").status_code == 200


def test_a_rejected_batch_is_not_counted_in_redis(redis):
    scope = {"type": "http", "method": "POST", "headers": [], "client": ("10.0.0.1", 1)}
    scope["context"] = RequestContext(scope)

    async def run():
        limiter = RateLimiter(None, "1000/hour", redis[0])
        await limiter.count_rows(scope, 900)
        for _ in range(3):
            with pytest.raises(ApiError) as caught:
                await limiter.count_rows(scope, 101)
            assert caught.value.status == 429
        # of batches at the same time, exactly those are counted that are admitted
        batches = [limiter.count_rows(scope, 40) for _ in range(5)]
        results = await asyncio.gather(*batches, return_exceptions=True)
        admitted = results.count(None)
        assert 1 <= admitted <= 2
        await limiter.count_rows(scope, 100 - 40 * admitted)
        with pytest.raises(ApiError):
            await limiter.count_rows(scope, 1)
        await limiter.storage.bridge.storage.aclose()

    asyncio.run(run())


def test_a_model_in_a_folder_needs_no_registry_and_knows_its_version(registry, tmp_path):
    folder = str(tmp_path / "model")
    mlflow.artifacts.download_artifacts("models:/churn@champion", dst_path=folder)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    try:
        served = load_model(folder)
    finally:
        mlflow.set_tracking_uri(registry.uri)
    with server_thread(served, model_uri=folder) as server:
        assert server.get("/health").json()["model"]["version"] == "1"
        reply = server.post("/predict", json={"customers": [CUSTOMER]}).json()
        assert reply["model_version"] == "1"
    assert not (tmp_path / "mlflow.db").exists()


def test_with_reload_a_changed_source_file_restarts_the_server(registry, tmp_path):
    """In a copy of the packages, because the test changes one of their files."""
    root = Path(__file__).parents[3]
    for package in ("churn_model", "pyfunc", "serving"):
        shutil.copytree(root / package, tmp_path / package)
    port = free_port()
    with open(tmp_path / "err", "wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving", "-p", str(port), "--reload"],
            cwd=tmp_path,
            env=clean_environment() | {"MLFLOW_TRACKING_URI": registry.uri},
            stdout=subprocess.DEVNULL,
            stderr=err,
        )
    try:
        url = f"http://127.0.0.1:{port}/ping"
        assert _retry(lambda: requests.get(url, timeout=30)).status_code == 200
        time.sleep(1)
        with open(tmp_path / "serving" / "__init__.py", "a") as file:
            file.write("# changed\n")
        deadline = time.monotonic() + 120
        while (tmp_path / "err").read_text().count("Application startup complete") < 2:
            assert time.monotonic() < deadline, (tmp_path / "err").read_text()
            time.sleep(0.2)
        assert requests.get(url, timeout=30).status_code == 200
    finally:
        process.terminate()
        process.wait(20)
