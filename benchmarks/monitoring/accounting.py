"""Checks the inference log's accounts under faults, and prints the numbers.

A server with two workers is under load. The busier worker is killed, and for a while the disk is
full. Then the server is stopped. Exits with 1 if rows scored are not exactly rows logged + dropped
+ not sampled, if there are other rows than those logged, if a half-written file has a final name,
or if more rows are missing than the killed worker can have had in memory.

The disk is a file system of a few MB in memory (tmpfs) if this program may mount one, else a limit
for the size of files.

Usage: python benchmarks/monitoring/accounting.py [--seconds S] [--connections N]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import requests
from log_overhead import register_model

from churn_model.inference_log.log_format import counted_rows, is_complete, is_own

PORT = 8231
FLUSH = 1.0
SAMPLE = 0.8


class Callers:
    """Threads that post five customers at a time, and count what was answered."""

    def __init__(self, customers: list[dict], connections: int) -> None:
        self.bodies = [
            json.dumps({"customers": customers[i : i + 5]}) for i in range(0, len(customers), 5)
        ]
        self.ended = threading.Event()
        self.scored = [0] * connections
        self.failed = [0] * connections
        self.threads = [threading.Thread(target=self._post, args=(i,)) for i in range(connections)]
        for thread in self.threads:
            thread.start()

    def _post(self, index: int) -> None:
        session, i = requests.Session(), index
        while not self.ended.is_set():
            body, i = self.bodies[i % len(self.bodies)], i + 1
            try:
                reply = session.post(
                    f"http://127.0.0.1:{PORT}/predict",
                    body,
                    headers={"Content-Type": "application/json"},
                    timeout=10,
                )
                self.scored[index] += 5 * (reply.status_code == 200)
            except requests.RequestException:  # its worker was killed
                self.failed[index] += 1

    def end(self) -> None:
        """Stop after the requests in progress."""
        self.ended.set()
        for thread in self.threads:
            thread.join()


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A file system of 8 MB at a folder; False if it cannot be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    is_mounted = subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def full(folder: Path, is_mounted: bool) -> Iterator[None]:
    """Nothing can be written to the folder: its disk is full, or it is a file for a while."""
    if is_mounted:
        filler = folder / "filler"
        with open(filler, "wb", buffering=0) as stream:
            size = 2**20
            while size:  # to the last byte, because the log's files are small
                try:
                    stream.write(bytes(size))
                except OSError:
                    size //= 2
        yield
        filler.unlink()
        return
    aside = folder.with_name("aside")
    (folder / "log").rename(aside)
    (folder / "log").write_text("")
    yield
    (folder / "log").unlink()
    aside.rename(folder / "log")


def busiest_worker(pid: int) -> int:
    """The worker process of a server that has used most CPU time."""
    found = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    workers = [p for p in found if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]
    return max(workers, key=lambda p: int(Path(f"/proc/{p}/stat").read_text().split()[13]))


def read(folder: Path) -> tuple[Counter[str], int, int, int]:
    """What the files of a log say.

    Rows by outcome from the counts, the number of rows, how many of them came after those that are
    counted in their file, and the number of files that are not complete.
    """
    outcomes: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    broken = 0
    for file in folder.rglob("*.parquet"):
        if not is_complete(file.name):
            continue
        try:
            content = pq.ParquetFile(file)
        except Exception:
            broken += 1
            continue
        if not is_own(content.metadata.metadata):
            broken += 1
        elif "counts" in file.parts:
            table = content.read().to_pandas()
            for own in table[table.kind == "rows"].itertuples():
                outcomes[own.name] += int(own.count)
            counted |= Counter(counted_rows(content.metadata.metadata))
        else:
            rows[file.name] = content.metadata.num_rows
    return outcomes, rows.total(), (rows - counted).total(), broken


def start(folder: Path, uri: str) -> subprocess.Popen:
    """The server, ready to reply."""
    command = [sys.executable, "-m", "serving", "-p", str(PORT), "-w", "2", "--inference-log"]
    command += [str(folder / "disk" / "log"), "--inference-log-key", str(folder / "key")]
    command += ["--inference-log-flush", str(FLUSH), "--inference-log-sample", str(SAMPLE)]
    with open(folder / "err", "wb") as errors:
        process = subprocess.Popen(
            command,
            env=os.environ | {"MLFLOW_TRACKING_URI": uri},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    for _ in range(300):
        try:
            requests.get(f"http://127.0.0.1:{PORT}/ping", timeout=5)
            return process
        except requests.ConnectionError:
            time.sleep(0.2)
    raise SystemExit("the server did not start")


def main() -> int:
    """Run the faults and print the accounts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="duration of each phase")
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uri, customers = register_model(folder)
        with small_disk(folder / "disk") as is_mounted:
            process = start(folder, uri)
            callers = Callers(customers, options.connections)
            time.sleep(options.seconds)
            os.kill(busiest_worker(process.pid), signal.SIGKILL)
            time.sleep(options.seconds)
            with full(folder / "disk", is_mounted):
                time.sleep(options.seconds)
            time.sleep(options.seconds)
            callers.end()
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            found = read(folder / "disk" / "log")
        return show(callers, *found, is_mounted, 4 * options.seconds, folder)


def show(
    callers: Callers,
    outcomes: Counter[str],
    rows: int,
    uncounted: int,
    broken: int,
    is_mounted: bool,
    seconds: float,
    folder: Path,
) -> int:
    """Print the accounts; returns 1 if they do not add up."""
    answered = sum(callers.scored)
    parts = sum(outcomes[name] for name in ("logged", "dropped", "not_sampled"))
    missing = answered - outcomes["scored"]
    most = (FLUSH + 1) * answered / seconds  # one of two workers, and twice the average rate
    for line in (folder / "err").read_text().splitlines():
        if "inference log in" in line:
            print(json.loads(line)["message"].replace(str(folder), "FOLDER"))
    print(f"\nfull disk: {'a full tmpfs' if is_mounted else 'a folder that was replaced'}")
    print("| rows | |\n| --- | --- |")
    print(f"| answered with scores | {answered:,} |")
    for name in ("scored", "logged", "dropped", "not_sampled"):
        print(f"| {name.replace('_', ' ')}, by the counts | {outcomes[name]:,} |")
    print(f"| in the files of rows | {rows:,} |")
    print(f"| of these, written by the killed worker without their counts | {uncounted:,} |")
    print(f"| answered, but not in the counts: lost with the killed worker | {missing:,} |")
    print(f"| requests without an answer, of the killed worker | {sum(callers.failed):,} |")
    print(f"| files with a final name that are not complete | {broken} |")
    is_right = outcomes["scored"] == parts and rows - uncounted == outcomes["logged"]
    is_right = is_right and missing <= most and uncounted <= missing and not broken
    print(f"\n{'the numbers add up' if is_right else 'THE NUMBERS DO NOT ADD UP'}")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
