"""A registry that cannot be reached is reported in one line within ten seconds."""

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import mlflow
import pytest

from churn_model.errors import RegistryError
from pyfunc import deadline, registry
from pyfunc.loaded_version import read_version, resolve

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
