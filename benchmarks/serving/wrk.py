"""Runs a server on core 0 and wrk on core 1, and reads what wrk and the processes report.

Needs wrk (Debian: apt-get install wrk).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """Requests that wrk repeats: the path, the body and the headers."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def serving(
    command: Sequence[str], port: int, folder: Path, environment: Mapping[str, str]
) -> Iterator[int]:
    """Run a server in a folder on core 0; gives its process group once it replies."""
    process = subprocess.Popen(
        ["taskset", "-c", "0", *command],
        cwd=folder,
        env=os.environ | dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(process, port)
        yield process.pid
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _wait(process: subprocess.Popen, port: int) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            requests.get(f"http://127.0.0.1:{port}/ping", timeout=5)
            return
        except requests.ConnectionError:
            time.sleep(0.2)
    raise SystemExit(f"{' '.join(process.args)} did not start")


def measure(
    load: Load, port: int, group: int, connections: int, seconds: float, folder: Path
) -> dict[str, float]:
    """One run of wrk: requests per second, latencies in ms, and CPU microseconds per request."""
    url = f"http://127.0.0.1:{port}{load.path}"
    script = _script(load, folder)
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    before = cpu_seconds(group)
    result = subprocess.run([*command, "-s", script, url], capture_output=True, text=True)
    used = cpu_seconds(group) - before
    text = result.stdout
    if result.returncode or "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"{url}: {text or result.stderr}")
    count = int(re.search(r"(\d+) requests in", text)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    return {
        "rate": rate,
        "p50": _milliseconds(text, 50),
        "p99": _milliseconds(text, 99),
        "cpu_us": used / max(count, 1) * 1e6,
    }


def _script(load: Load, folder: Path) -> str:
    """The Lua file with a request; the body is read from a file, because it may be binary."""
    body, script = folder / "body", folder / "request.lua"
    body.write_bytes(load.body)
    lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in load.headers.items()]
    lines += ['wrk.method = "POST"', f'local file = io.open("{body}", "rb")']
    lines += ['wrk.body = file:read("*a")', "file:close()"]
    script.write_text("\n".join(lines))
    return str(script)


def _milliseconds(text: str, percent: int) -> float:
    number, unit = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def cpu_seconds(group: int) -> float:
    """The CPU time that the processes of a group have used, in seconds."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except OSError:  # the process has ended
            continue
        if int(fields[2]) == group:
            total += int(fields[11]) + int(fields[12])
    return total / _TICKS
