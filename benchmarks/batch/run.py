"""Rows per second of batch scoring, side by side in one run, on this and on an earlier checkout.

- ``churn score`` on Spark and with ``--engine local``, without and with the start of the process,
  with its CPU time and the peak memory of Python;
- the functions for Spark of this project and of MLflow, and a pandas UDF of the same types that
  does nothing (``udf.py``);
- what a job of a billion rows would take, from the rows per second and core.

Each round runs every command once, so that a busy machine slows all of them. The table has
files of 250,000 rows. FOLDER, an earlier checkout, is measured with a model that it has logged.

Single runs vary by a tenth. To compare the functions precisely, measure them alone, in many rounds:
``--engines`` without a value, ``--rounds 20`` and a smaller table.

Usage: python benchmarks/batch/run.py [--rows N] [--fields N ...] [--before FOLDER] [--rounds N]
       [--cores N] [--engines [spark local]] [--skip-udf] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from customers import generate, schema_of
from udf import NOTHING

HERE = Path(__file__).parent
BILLION = 1_000_000_000


@dataclass(frozen=True)
class Run:
    """Medians of the rounds: wall seconds after and with the start, CPU seconds, MiB of Python."""

    side: str
    fields: int
    rows: int
    cores: int
    seconds: float
    whole: float
    cpu: float
    mib: float

    @property
    def rate(self) -> float:
        """Rows per second after the start."""
        return self.rows / self.seconds


def command(checkout: Path, engine: str, cores: int, folder: Path, uri: str) -> dict[str, float]:
    """Run ``churn score`` of a checkout once."""
    flags = ["--engine", engine, "--master", f"local[{cores}]", "--mode", "overwrite"]
    flags += ["--input", str(folder / "customers"), "--output", str(folder / f"out-{engine}")]
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(checkout / "scripts" / "score_batch.py"), *flags],
        env=os.environ | {"MLFLOW_TRACKING_URI": uri, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    peak = cpu = 0.0
    while process.poll() is None:
        peak, cpu = max(peak, _peak_memory(process.pid)), max(cpu, _cpu_seconds(process.pid))
        time.sleep(0.05)
    whole = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{checkout} {engine}: failed")
    summary = json.loads(process.stdout.read())
    return {"seconds": summary["seconds"], "whole": whole, "cpu": cpu, "mib": peak}


def _cpu_seconds(session: int) -> float:
    """The CPU seconds of all processes of a session, Java and the Python workers included."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[3]) == session:
            ticks += sum(map(int, after_name[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _peak_memory(pid: int) -> float:
    """The peak memory of a process in MiB."""
    try:
        match = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(match[1]) / 1024 if match else 0.0


def registry_of(checkout: Path, folder: Path, fields: int) -> str:
    """A registry with a model that a checkout has fitted and logged; returns its tracking URI."""
    folder.mkdir()
    subprocess.run(
        [sys.executable, str(HERE / "customers.py"), str(folder), str(fields)],
        env=os.environ | {"PYTHONPATH": str(checkout)},
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return f"sqlite:///{folder}/mlflow.db"


def udfs(checkout: Path, folder: Path, fields: int, uri: str, options: argparse.Namespace) -> dict:
    """Seconds of the model's UDF and of one that does nothing, by round."""
    flags = ["--rounds", str(options.rounds), "--master", f"local[{options.cores}]"]
    done = subprocess.run(
        [sys.executable, str(HERE / "udf.py"), str(folder / "customers"), str(fields), *flags],
        env=os.environ | {"MLFLOW_TRACKING_URI": uri, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def measure(fields: int, options: argparse.Namespace, folder: Path) -> tuple[list[Run], dict]:
    """The commands and UDFs of all checkouts for a table with this many fields."""
    checkouts = {"now": HERE.parents[1]}
    if options.before:
        checkouts["before"] = options.before.resolve()
    generate(folder / "customers", schema_of(fields), options.rows)
    uris = {name: registry_of(path, folder / name, fields) for name, path in checkouts.items()}
    sides = [(engine, name) for engine in options.engines for name in checkouts]
    rounds: list[dict[tuple[str, str], dict[str, float]]] = []
    for _ in range(options.rounds):
        rounds.append(
            {
                (engine, name): command(checkouts[name], engine, options.cores, folder, uris[name])
                for engine, name in sides
            }
        )
    runs = []
    for engine, name in sides:
        each = [done[engine, name] for done in rounds]
        median = {key: statistics.median(run[key] for run in each) for key in each[0]}
        runs.append(Run(f"{engine}, {name}", fields, options.rows, options.cores, **median))
    if options.skip_udf:
        return runs, {}
    return runs, {
        name: udfs(path, folder, fields, uris[name], options) for name, path in checkouts.items()
    }


def main() -> None:
    """Measure, and print the results as Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--fields", type=int, nargs="+", default=[5, 30])
    parser.add_argument("--before", type=Path, metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--engines", nargs="*", default=["spark", "local"])
    parser.add_argument("--skip-udf", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: list[tuple[list[Run], dict]] = []
    for fields in options.fields:
        with tempfile.TemporaryDirectory() as name:
            results.append(measure(fields, options, Path(name)))
        _print_commands(results[-1][0])
        _print_udfs(fields, options, *results[-1])
    if options.json:
        document = [{"runs": [asdict(r) for r in runs], "udfs": udf} for runs, udf in results]
        options.json.write_text(json.dumps(document, indent=1))


def _print_commands(runs: list[Run]) -> None:
    if not runs:
        return
    print("\n| command | fields | rows | rows/s | with start | s | with start | CPU s ", end="")
    print("| MiB of Python | a billion rows, h on 32 cores |\n|" + " --- |" * 10)
    for run in runs:
        hours = BILLION / (run.rate / run.cores * 32) / 3600
        projected = f"{hours:.2f}" if run.side.startswith("spark") else "-"
        print(
            f"| {run.side} | {run.fields} | {run.rows:,} | {run.rate:,.0f} | "
            f"{run.rows / run.whole:,.0f} | {run.seconds:.1f} | {run.whole:.1f} | {run.cpu:.1f} | "
            f"{run.mib:,.0f} | {projected} |"
        )


def _print_udfs(fields: int, options: argparse.Namespace, runs: list[Run], udf: dict) -> None:
    """Print the UDFs' rates relative to a UDF that does nothing, and the command's to each UDF's.

    The former is the mean of the rounds with its standard error.
    """
    if not udf:
        return
    print("\n| UDF | fields | rows/s | of one that does nothing | command, of the UDF's rate |")
    print("|" + " --- |" * 5)
    commands = {run.side: run.rate for run in runs}
    for name, sides in udf.items():
        for side in [own for own in sides if own != NOTHING]:
            ratios = [
                nothing / model for model, nothing in zip(sides[side], sides[NOTHING], strict=True)
            ]
            standard_error = "-"
            if len(ratios) > 1:
                standard_error = f"{statistics.stdev(ratios) / math.sqrt(len(ratios)):.3f}"
            rate = options.rows / statistics.median(sides[side])
            command_rate = commands.get(f"spark, {name}")
            of_udf = "-" if command_rate is None else f"{command_rate / rate:.2f}"
            print(
                f"| {side}, {name} | {fields} | {rate:,.0f} | "
                f"{statistics.mean(ratios):.3f} ± {standard_error} | {of_udf} |"
            )


if __name__ == "__main__":
    main()
