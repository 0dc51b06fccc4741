"""How many rows per second a large table gives, and in how much memory.

Writes simulated customers with ten features, then reads them as ``churn train --data FOLDER`` does
before it fits: overview, schema inference, check of every row, sample. Each reading is done in a
process of its own, whose peak memory is reported.

    python benchmarks/training/large.py --rows 5000000 50000000 --folder large

A folder that has the rows already is used again. ``--train`` also fits (much slower).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

_PART = 500_000
"""Rows of a file."""

TARGET, IDENTIFIER = "churned", "customer_id"


def write_table(folder: Path, rows: int, kind: str) -> int:
    """Write files of simulated customers with ten features; returns their size in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, rows, _PART):
        path = folder / f"part-{start // _PART:05d}.{kind}"
        if not path.exists():
            table = pa.Table.from_pandas(_part(start, min(_PART, rows - start)))
            partial = path.with_name(f".{path.name}")
            (pq.write_table if kind == "parquet" else csv.write_csv)(table, partial)
            partial.rename(path)
    return sum(path.stat().st_size for path in folder.glob(f"*.{kind}"))


def _part(start: int, rows: int) -> pd.DataFrame:
    from training.data.simulator import simulate

    seed = start // _PART + 1
    simulation, rng = simulate(rows, seed), np.random.default_rng(seed)
    plans = np.array(["monthly", "yearly", "two years"], dtype=object)
    regions = np.array([f"region {n}" for n in range(20)], dtype=object)
    return simulation.customers.assign(
        plan=rng.choice(plans, rows, p=(0.6, 0.25, 0.15)),
        region=rng.choice(regions, rows),
        support_calls=rng.poisson(1.2, rows),
        minutes=np.round(rng.gamma(2.0, 150.0, rows), 1),
        data_gb=np.round(rng.gamma(1.5, 8.0, rows), 2),
        paperless=rng.random(rows) < 0.7,
        churned=simulation.churned,
    )


def measure(folder: Path, sample: int, train: bool) -> dict[str, float]:
    """Read a table in this process. Times are in seconds, memory in MiB."""
    from training.arguments.train import train_options
    from training.training_data import read_training_data

    flags = ["--data", str(folder), "--target", f"{TARGET}=1", "--id", IDENTIFIER]
    started, cpu = time.perf_counter(), time.process_time()
    data = read_training_data(train_options([*flags, "--sample", str(sample)]))
    result = {
        "rows": data.table.rows,
        "used": len(data.table.churned),
        "rejected": data.table.rejected_rows,
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "peak_mib": _peak(),
    }
    if train:
        from training.run import Plan
        from training.run import train as run

        started = time.perf_counter()
        run(data.table, data.schema, Plan())
        result |= {"fit_seconds": time.perf_counter() - started, "fit_peak_mib": _peak()}
    return result


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _in_a_process(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", str(folder), "--sample", str(options.sample)]
    command += ["--train"] if options.train else []
    return dict(json.loads(subprocess.check_output(command, text=True).splitlines()[-1]))


def main() -> None:
    """Print a table: one line per format and number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[500_000, 5_000_000])
    parser.add_argument("--kinds", nargs="+", default=["parquet", "csv"])
    parser.add_argument("--folder", type=Path, default=Path("large"))
    parser.add_argument("--sample", type=int, default=2_000_000)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.sample, options.train)))
        return
    print("| format | rows | GB | used | seconds | rows/s | CPU seconds | peak MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind in options.kinds:
        for rows in options.rows:
            folder = options.folder / f"{kind}-{rows}"
            size = write_table(folder, rows, kind)
            found = _in_a_process(folder, options)
            print(
                f"| {kind} | {found['rows']:,} | {size / 1e9:.2f} | {found['used']:,} "
                f"| {found['seconds']:.0f} | {found['rows'] / found['seconds']:,.0f} "
                f"| {found['cpu']:.0f} | {found['peak_mib']:,.0f} |",
                flush=True,
            )
            if options.train:
                print(f"fit: {found['fit_seconds']:.0f} s, {found['fit_peak_mib']:,.0f} MiB")


if __name__ == "__main__":
    main()
