"""Kills ``churn score`` at random moments, with both engines and in every mode.

After each kill the command runs again. Then every row that was read must be scored or rejected, no
file of anybody else may have changed, and nothing of the killed run may be left. Meanwhile a reader
looks at the output: each run in it must be complete.

Usage: python benchmarks/batch/kill.py [--times N] [--engines local,spark] [--rows N] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet
from customers import register

from churn_model.schema import CUSTOMER_SCHEMA
from training.data.simulator import simulate

COMMAND = Path(__file__).parents[2] / "scripts" / "score_batch.py"
MODES = ("error", "append", "overwrite")
FILES = 4


def write_input(folder: Path, rows: int) -> Path:
    """Customers in a few files; one in ten has an invalid age."""
    folder.mkdir()
    for number in range(FILES):
        customers = simulate(rows // FILES, seed=number).customers
        customers.loc[::10, "age"] = 300
        customers.to_parquet(folder / f"{number}.parquet")
    return folder


def rows_of(run: Path) -> int:
    """The rows in the files of a run. Raises FileNotFoundError if it was moved meanwhile."""
    files = list(run.rglob("*.parquet"))
    return sum(pyarrow.parquet.read_metadata(file).num_rows for file in files)


@dataclass
class Trial:
    """One output, which killed runs and complete runs write to."""

    engine: str
    mode: str
    folder: Path
    source: Path
    uri: str
    rows: int
    scored: int
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def out(self) -> Path:
        """The output."""
        return self.folder / "out"

    def start(self, mode: str) -> subprocess.Popen[bytes]:
        """Start the command."""
        names = ["--input", str(self.source), "--output", str(self.out), "--max-rejected", "1"]
        with open(self.folder / "log", "wb") as log:
            return subprocess.Popen(
                [sys.executable, str(COMMAND), "--engine", self.engine, "--mode", mode, *names],
                env=os.environ | {"MLFLOW_TRACKING_URI": self.uri},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def complete(self, mode: str) -> float:
        """Run the command to its end; returns the seconds that it took."""
        began = time.monotonic()
        if self.start(mode).wait():
            log = (self.folder / "log").read_text()
            # a run that is killed after it was published is not repeated
            if not (mode == "error" and "exists already" in log):
                self.faults["did not run again"] += 1
                print(log, file=sys.stderr)
        return time.monotonic() - began

    def put_foreign_files(self) -> dict[Path, str]:
        """Files of somebody else, next to the output and, unless it is replaced, in it."""
        names = ["notes.txt", "out.partial-mine/notes.txt", "out.replaced-mine/notes.txt"]
        if self.mode == "append":
            names += ["out/notes.txt", "out/rejected/run=mine/notes.txt"]
        files = {self.folder / name: f"content of {name}" for name in names}
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return files

    def kill_once(self, seconds: float) -> str:
        """Kill a run; returns what it had written: nothing, a part, or all."""
        if self.mode == "error":
            shutil.rmtree(self.out, ignore_errors=True)
        before = self.runs()
        process, ended = self.start(self.mode), threading.Event()
        reader = threading.Thread(target=self._read_until, args=(ended,))
        reader.start()
        moment = random.uniform(0, seconds)
        if random.random() < 0.5:  # start and imports take most of the time
            self._wait_for_partial(process)
            moment = random.uniform(0, seconds / 4)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        finally:
            ended.set()
            reader.join()
        if self.runs() != before:
            return "all"
        return "a part" if self._partial() else "nothing"

    def _wait_for_partial(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None and not self._partial():
            time.sleep(0.002)

    def _partial(self) -> list[Path]:
        return [path for path in self.folder.glob("out.partial-*") if path.name[-5:] != "-mine"]

    def runs(self) -> set[str]:
        """The runs that readers of the scored rows see."""
        return {path.name for path in self.out.glob("scored/run=*")}

    def _read_until(self, ended: threading.Event) -> None:
        while not ended.wait(0.005):
            for run in self.out.glob("scored/run=*"):
                try:
                    rows = rows_of(run)
                except OSError:  # replaced meanwhile
                    continue
                if rows != self.scored and run.exists():
                    self.faults["reader saw a part"] += 1

    def check(self, foreign: dict[Path, str]) -> None:
        """Count what is wrong with the output after a complete run."""
        summaries = [json.loads(path.read_text()) for path in self.out.glob("_summary-*.json")]
        for summary in summaries:
            name = f"run={summary['run']}"
            written = [rows_of(self.out / kind / name) for kind in ("scored", "rejected")]
            if written != [summary["scored"], summary["rejected"]] or sum(written) != self.rows:
                self.faults["rows lost"] += 1
        runs = {f"run={summary['run']}" for summary in summaries}
        rejected = {path.name for path in self.out.glob("rejected/run=*")} - {"run=mine"}
        if not (runs == self.runs() == rejected and runs):
            self.faults["runs differ"] += 1
        if any(not path.exists() or path.read_text() != text for path, text in foreign.items()):
            self.faults["foreign file changed"] += 1
        names = {path.name for path in self.folder.iterdir()}
        if names != {"out", "log", "notes.txt", "out.partial-mine", "out.replaced-mine"}:
            self.faults["remains"] += 1


def trial(engine: str, mode: str, times: int, rows: int, folder: Path, uri: str) -> Trial:
    """Kill and repeat runs in one mode; prints a row of the table."""
    folder.mkdir()
    source = write_input(folder.with_name(f"{folder.name}-in"), rows)
    scored = rows - FILES * len(range(0, rows // FILES, 10))
    one = Trial(engine, mode, folder, source, uri, rows, scored)
    seconds = one.complete("error")
    foreign = one.put_foreign_files()
    written: Counter[str] = Counter()
    for _ in range(times):
        written[one.kill_once(seconds)] += 1
        one.complete(mode)
        one.check(foreign)
    moments = " | ".join(str(written[when]) for when in ("nothing", "a part", "all"))
    faults = ", ".join(f"{count} {fault}" for fault, count in one.faults.items()) or "none"
    print(f"| {engine} | {mode} | {times} | {moments} | {faults} |", flush=True)
    return one


def main() -> int:
    """Print a table; returns 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=50, help="kills per engine and mode (50)")
    parser.add_argument("--engines", default="local,spark", help="engines (local,spark)")
    parser.add_argument("--rows", type=int, default=200_000, help="rows of the input (200000)")
    parser.add_argument("--seed", type=int, help="for the moments of the kills")
    options = parser.parse_args()
    random.seed(options.seed)
    rows = options.rows // FILES * FILES
    print("| engine | mode | kills | nothing written | a part | all | faults |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as name:
        uri = register(Path(name), CUSTOMER_SCHEMA)
        trials = [
            trial(engine, mode, options.times, rows, Path(name, f"{engine}-{mode}"), uri)
            for engine in options.engines.split(",")
            for mode in MODES
        ]
    return int(any(one.faults for one in trials))


if __name__ == "__main__":
    sys.exit(main())
