"""``churn serve`` with an inference log, and its log moved to another day."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from churn_model.client import ChurnClient
from churn_model.errors import ClientError


@contextlib.contextmanager
def server(log: Path, key: Path):
    """``churn serve`` with an inference log of level values; yields its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ["-p", str(port), "--inference-log", str(log), "--inference-log-level", "values"]
    flags += ["--inference-log-key", str(key)]
    with open("serve.log", "a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving", *flags],
            env=os.environ | {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"},
            stdout=output,
            stderr=output,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)  # a graceful stop writes the rest of the log
        process.wait(60)


def wait_for(url: str, process: subprocess.Popen) -> None:
    """Wait until a server answers."""
    with ChurnClient(url, retries=0) as client:
        for _ in range(600):
            with contextlib.suppress(ClientError):
                if client.ping():
                    return
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise SystemExit(Path("serve.log").read_text())


def move(source: Path, target: Path, day_scored: np.datetime64) -> None:
    """Move a log that was written just now to a day, at 9 o'clock."""
    nine = np.datetime64(day_scored, "s").astype(datetime).replace(tzinfo=timezone.utc)
    nine += timedelta(hours=9)
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    moved = pa.scalar(nine - now)
    for file in source.rglob("part-*.parquet"):
        table = pq.read_table(file, partitioning=None)
        column = "minute" if "minute" in table.column_names else "scored_at"
        index, field = table.column_names.index(column), table.schema.field(column)
        times = pa.compute.add(table.column(column), moved.cast(pa.duration(field.type.unit)))
        table = table.set_column(index, field, times.cast(field.type))
        day = f"date={day_scored}"
        folder = target / "counts" / day if column == "minute" else target / day
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / file.name)
    shutil.rmtree(source)
