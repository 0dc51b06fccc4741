"""The first thing a new user runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from churn_model.client import ChurnClient
from churn_model.errors import ChurnError
from tests.integration.conftest import ROOT, assert_one_line, clean_environment, free_port

SCRIPT = ROOT / "scripts" / "quickstart.py"
IDS = ("new-and-expensive", "loyal", "total-unknown")


def start(folder: Path, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-u", str(SCRIPT), *map(str, arguments)],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_that_mention(word: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if word in command:
                found.append(command)
    return found


def test_it_trains_serves_scores_three_customers_and_leaves(tmp_path):
    port = free_port()
    process = start(tmp_path, "--exit", "--port", port)
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    assert "registered models:/churn@champion as version 1" in stdout
    assert all(name in stdout for name in IDS)
    assert processes_that_mention(str(port)) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_reuses_the_model_serves_until_told_to_end_and_leaves_no_process(registry, ending):
    port = free_port()
    process = start(registry.folder, "--port", port)
    with ChurnClient(f"http://127.0.0.1:{port}", retries=0) as client:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            line = process.stdout.readline()
            if "until Ctrl-C" in line or not line:
                break
            assert "1. train" not in line
        assert client.ping()
        process.send_signal(ending)
        process.communicate(timeout=30)
        assert process.returncode == (0 if ending == signal.SIGINT else 128 + ending)
        with pytest.raises(ChurnError):
            client.ping()
    assert processes_that_mention(str(port)) == []


def test_a_busy_port_is_one_line_before_anything_else(tmp_path):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        process = start(tmp_path, "--port", busy.getsockname()[1])
        _, stderr = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "choose another with --port" in stderr
    assert_one_line(stderr)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-m", "models:/churn@nobody"], "train and register one"),
        (["-m", "models:/nothing@champion"], "train and register one"),
        (["-p", "99999"], "cannot be used"),
    ],
)
def test_the_serve_command_says_in_one_line_why_it_cannot_start(registry, arguments, complaint):
    done = subprocess.run(
        [sys.executable, "-m", "pyfunc.serve", *arguments],
        cwd=registry.folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert complaint in done.stderr
    assert_one_line(done.stderr)
