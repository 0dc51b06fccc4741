"""The first command that a new user runs."""

from __future__ import annotations

import importlib.util
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
from pyfunc import serve
from tests.integration.conftest import ROOT, assert_one_line, call, clean_environment, free_port
from training.fitting.fit import FitSettings

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
    commands = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if word in command:
                commands.append(command)
    return commands


@pytest.fixture
def quickstart(monkeypatch):
    """The script as a module, with pytest's own signal handlers."""
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    spec = importlib.util.spec_from_file_location("quickstart", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_trains_serves_scores_three_customers_and_exits(quickstart, workplace, monkeypatch):
    monkeypatch.setattr(FitSettings, "bags", lambda self, rows: 1)  # accuracy is not the point
    port = free_port()
    done = call(quickstart.main, "--exit", "--port", port, "--rows", 1000, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "registered models:/churn@champion as version 1" in done.stdout
    assert all(name in done.stdout for name in IDS)
    assert "churn train --data" in done.stdout
    assert processes_that_mention(str(port)) == []


def test_it_reuses_the_model_serves_until_a_signal_and_leaves_no_process(registry):
    endings = {signal.SIGINT: 0, signal.SIGTERM: 128 + signal.SIGTERM}
    ports = {ending: free_port() for ending in endings}
    processes = {e: start(registry.folder, "--port", port) for e, port in ports.items()}
    for ending, code in endings.items():
        process, port = processes[ending], ports[ending]
        wait_until_served(process)
        with ChurnClient(f"http://127.0.0.1:{port}", retries=0) as client:
            assert client.ping()
            process.send_signal(ending)
            process.communicate(timeout=30)
            assert process.returncode == code
            with pytest.raises(ChurnError):
                client.ping()
        assert processes_that_mention(str(port)) == []


def wait_until_served(process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        assert "1. Train" not in line
        if "until Ctrl-C" in line or not line:
            return


def test_a_busy_port_is_reported_before_anything_is_written(quickstart, tmp_path):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        done = call(quickstart.main, "--port", busy.getsockname()[1], cwd=tmp_path)
    assert done.returncode == 1
    assert "choose another with --port" in done.stderr
    assert_one_line(done.stderr)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-m", "models:/churn@nobody"], "train and register one"),
        (["-m", "models:/nothing@champion"], "train and register one"),
        (["-p", "99999"], "cannot be used"),
    ],
)
def test_the_serve_command_says_in_one_line_why_it_cannot_start(
    registry, capsys, arguments, complaint
):
    assert serve.main(["-p", str(free_port()), *arguments]) == 1
    stderr = capsys.readouterr().err
    assert complaint in stderr
    assert_one_line(stderr)
