"""What the benchmarks of the server have in common: CPU time of processes, and their start."""

from __future__ import annotations

import os
import time
from pathlib import Path

import requests


def busy_seconds(pid: int) -> float:
    """The CPU time of a process so far, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """The processes that a process has started and that run Python code of their own.

    multiprocessing also starts a process that only watches resources.
    """
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in text.split() if "resource_tracker" not in _command(int(each))]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def wait_until_ready(url: str, seconds: float = 120.0) -> None:
    """Wait until a server replies to ``/ping`` with 200. Raises SystemExit."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/ping", timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{url} did not start")


def wait_until_idle(pids: list[int]) -> None:
    """Wait until processes do next to nothing: workers that are still starting do not reply."""
    before, busy = -1.0, sum(map(busy_seconds, pids))
    while busy - before > 0.1:
        time.sleep(1)
        before, busy = busy, sum(map(busy_seconds, pids))
