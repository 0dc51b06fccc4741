"""The inference log of a server in processes: how it stops, and what a killed worker loses."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.customers import CUSTOMER
from tests.integration.conftest import assert_one_line, clean_environment
from tests.integration.serving.conftest import our_server, until
from tests.unit.churn_model.inference_log.reading import assert_adds_up, outcomes, table


def children(pid: int) -> list[int]:
    """The server's workers."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in found}
    return [child for child, command in commands.items() if b"spawn_main" in command]


def send(server, requests: int) -> None:
    """Three customers per request, over a new connection each, so that all workers get some."""
    for _ in range(requests):
        assert server.post("/predict", json={"customers": [CUSTOMER] * 3}).status_code == 200


def stop(server) -> None:
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(30)


def test_a_graceful_stop_loses_nothing(registry, tmp_path):
    log, key = tmp_path / "log", tmp_path / "key"
    flags = ["-w", 2, "--inference-log", log, "--inference-log-key", key]
    with our_server(registry, *flags) as server:
        send(server, 40)
        stop(server)
    assert assert_adds_up(log) == {"scored": 120, "logged": 120}
    assert table(log).inference_id.is_unique
    assert table(log).customer_id.nunique() == 1  # the workers have the same key


def test_a_killed_worker_loses_at_most_what_it_had_not_yet_written(registry, tmp_path):
    flags = ["-w", 2, "--inference-log", tmp_path, "--inference-log-identifiers", "plain"]
    with our_server(registry, *flags, "--inference-log-flush", 0.2) as server:
        send(server, 40)
        until(lambda: outcomes(tmp_path).get("logged") == 120)
        workers = children(server.process.pid)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        until(lambda: set(children(server.process.pid)) - set(workers))
        send(server, 20)
        stop(server)
    assert assert_adds_up(tmp_path) == {"scored": 180, "logged": 180}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--inference-log", "/dev/null/log", "--inference-log-identifiers", "plain"], "written"),
        (["--inference-log", "log"], "--inference-log-key FILE"),
        (["--inference-log", "log", "--inference-log-key", "/dev/null/key"], "cannot be made"),
        (["--inference-log-retention", "1Y"], "--inference-log-retention"),
        (["--inference-log", "no://u:secret@host/x", "--inference-log-level", "counts"], "no://"),
    ],
)
def test_a_log_that_cannot_be_written_is_one_line_before_anything_is_served(
    tmp_path, flags, message
):
    command = [sys.executable, "-m", "serving", "-p", "0", *flags]
    done = subprocess.run(
        command, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert "secret" not in done.stderr
    assert_one_line(done.stderr)
