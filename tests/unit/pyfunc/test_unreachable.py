"""A registry that cannot be reached is reported in one line within ten seconds."""

import os
import re
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from traceback import format_exception

import mlflow
import pytest
from sqlalchemy.dialects import registry as dialects
from sqlalchemy.dialects.postgresql.base import PGDialect

from churn_model.errors import RegistryError
from pyfunc import deadline, registry
from pyfunc.loaded_version import read_version, resolve
from pyfunc.registry_check import check_location

READERS = {
    "read an alias": lambda: read_version("models:/churn@champion"),
    "read a version": lambda: read_version("models:/churn/3"),
    "read a run": lambda: read_version("runs:/0123456789abcdef0123456789abcdef/model"),
    "resolve": lambda: resolve("models:/churn@champion"),
    "load": lambda: registry.load("models:/churn@champion"),
    "version of an alias": lambda: registry.version_of_alias("churn"),
    "check": registry.check_reachable,
}


@pytest.fixture
def mlflow_server(monkeypatch):
    """Points MLflow to a URL, with its own defaults for retries and timeouts."""
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    yield mlflow.set_tracking_uri
    mlflow.set_tracking_uri(before)


@pytest.fixture
def closed_port(mlflow_server):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mlflow_server(f"http://127.0.0.1:{port}")


@pytest.fixture
def silent_server(mlflow_server):
    """A server that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        mlflow_server(f"http://127.0.0.1:{listener.getsockname()[1]}")
        yield


class SocketDriver:
    """A database driver that connects, and then waits for a greeting as real ones do."""

    Error = OSError
    paramstyle = "pyformat"

    @staticmethod
    def connect(host: str, port: int, **_: str) -> None:
        with socket.create_connection((host, port)) as connection:
            connection.recv(1)
        raise OSError("the connection was closed")


class SocketDialect(PGDialect):
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls):
        return SocketDriver


@pytest.fixture(scope="module")
def socket_driver():
    """The driver ``sockets`` for URIs such as ``postgresql+sockets://host/db``."""
    dialects.register("postgresql.sockets", __name__, "SocketDialect")


def assert_reported_within(seconds, read, words):
    begun = time.monotonic()
    with pytest.raises(RegistryError, match=words) as caught:
        read()
    assert time.monotonic() - begun < seconds
    assert "\n" not in str(caught.value)
    assert not [name for name in os.environ if name.startswith("MLFLOW_HTTP_REQUEST")]


@pytest.mark.parametrize("reader", READERS)
def test_a_closed_port_is_reported(closed_port, reader):
    assert_reported_within(10, READERS[reader], "check MLFLOW_TRACKING_URI")


@pytest.mark.parametrize("reader", READERS)
def test_a_server_that_never_answers_is_reported(silent_server, reader, monkeypatch):
    assert deadline.DEADLINE < 9
    monkeypatch.setattr(deadline, "DEADLINE", 0.2)
    assert_reported_within(2, READERS[reader], r"did not answer within 0.2 s; check MLFLOW_TRACK")


CREDENTIALS = [
    *(
        "http://svc:s3cret@{}",
        "http://svc:s3%40cret@{}",
        "http://s3cret@{}",
        "http://{}?token=s3cret",
    ),
    *("http://svc:s3cret/@{}", "http://svc:a@s3cret@{}", "http://svc:/s3cret?a#b@{}"),
    *("http://svc:a s3cret@{}", "postgres://svc:s3cret@{}", "http://svc:s3cret@[{}"),
    *("postgresql+sockets://svc:s3cret@{}/db", "postgresql+sockets://svc:a@s3cret@{}/db"),
    *("postgresql+sockets://{}/db?password=s3cret", "postgresql+none://svc:s3cret@{}/db"),
]


@pytest.mark.parametrize("uri", CREDENTIALS)
@pytest.mark.parametrize("reader", READERS)
def test_no_message_contains_a_password(mlflow_server, socket_driver, uri, reader):
    mlflow_server(uri.format("127.0.0.1:9"))
    with pytest.raises(RegistryError) as caught:
        READERS[reader]()
    assert "\n" not in str(caught.value)
    shown = "".join(format_exception(caught.value))
    for secret in ("s3cret", "s3%40cret", "s3@cret"):
        assert secret not in shown


def test_no_message_contains_a_password_of_the_environment(closed_port, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cret\n")  # requests shows such a header
    with pytest.raises(RegistryError) as caught:
        registry.check_reachable()
    assert "s3cret" not in "".join(format_exception(caught.value))


def test_a_missing_model_at_a_server_with_a_password_is_reported_without_it(mlflow_server):
    body = b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no s3cret here"}'

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_): ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        mlflow_server(f"http://svc:s3cret@127.0.0.1:{server.server_port}")
        with pytest.raises(RegistryError, match=r"no such model at http://\*\*\*@127") as caught:
            resolve("models:/churn@champion")
        server.shutdown()
        thread.join()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("reader", [*READERS, "before training"])
def test_a_database_server_that_never_answers_is_reported(
    mlflow_server, socket_driver, reader, monkeypatch
):
    monkeypatch.setattr(deadline, "DEADLINE", 0.2)
    read = (READERS | {"before training": check_location})[reader]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        mlflow_server(f"postgresql+sockets://127.0.0.1:{listener.getsockname()[1]}/db")
        assert_reported_within(10, read, r"did not answer within 0.2 s; check MLFLOW_TRACKING_URI")


@pytest.mark.parametrize("reader", [*READERS, "before training"])
def test_a_database_server_that_does_not_run_is_reported(mlflow_server, socket_driver, reader):
    mlflow_server("postgresql+sockets://127.0.0.1:9/db")
    read = (READERS | {"before training": check_location})[reader]
    assert_reported_within(10, read, r"cannot be used .*refused.*; check MLFLOW_TRACKING_URI")


@pytest.mark.parametrize(
    ("scheme", "module", "package"),
    [
        ("postgresql+psycopg2", "psycopg2", "psycopg2-binary"),
        ("postgresql+psycopg", "psycopg", "psycopg[binary]"),
        ("mysql+pymysql", "pymysql", "pymysql"),
    ],
)
def test_a_missing_database_driver_is_named(mlflow_server, monkeypatch, scheme, module, package):
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    mlflow_server(f"{scheme}://svc:s3cret@127.0.0.1:9/db")
    words = re.escape(
        f'127.0.0.1:9/db needs a database driver that is not installed: pip install "{package}"'
    )
    assert_reported_within(10, registry.check_reachable, words)
    assert_reported_within(10, check_location, words)


def test_a_timeout_of_the_user_wins(silent_server, monkeypatch):
    monkeypatch.setattr(deadline, "DEADLINE", 0.2)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    begun = time.monotonic()
    with pytest.raises(RegistryError, match="timeout"):
        resolve("models:/churn@champion")
    assert time.monotonic() - begun >= 1
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "1"


def test_readers_in_several_threads_leave_no_setting_behind(closed_port):
    def read(_: int) -> str:
        with pytest.raises(RegistryError) as caught:
            resolve("models:/churn@champion")
        return str(caught.value)

    with ThreadPoolExecutor(8) as pool:
        assert all("cannot be used" in message for message in pool.map(read, range(16)))
    assert not [name for name in os.environ if name.startswith("MLFLOW_HTTP_REQUEST")]


def test_a_model_in_a_folder_needs_no_server(closed_port, tmp_path):
    with pytest.raises(RegistryError, match="No such artifact"):
        read_version(str(tmp_path / "none"))
