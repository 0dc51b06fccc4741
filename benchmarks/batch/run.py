"""Rows a second of batch scoring, side by side in one run on local[2].

- the model's UDF against a pandas UDF of the same input and output types that does nothing;
- the whole command, ``--engine spark`` and ``--engine local``;
- the cost of a row, and the peak memory of ``--engine local``, as rows grow tenfold.

Usage: python benchmarks/batch/run.py [--rows N] [--rounds N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from batch.spark import session
from churn_model.schema import CUSTOMER_SCHEMA
from pyfunc import registry
from pyfunc.logging import log_model
from pyfunc.spark_types import result_type
from training.data.simulator import simulate
from training.fitting.fit import fit

COMMAND = Path(__file__).parents[2] / "scripts" / "score_batch.py"
FILE_ROWS = 250_000


def generate(folder: Path, rows: int) -> Path:
    """A table of so many customers: a quarter of a million a file, the same ones with new ids."""
    folder.mkdir()
    part = pa.Table.from_pandas(simulate(FILE_ROWS, seed=5).customers, preserve_index=False)
    for number in range(max(1, rows // FILE_ROWS)):
        ids = pa.array([f"{number:04}-{i:07}" for i in range(FILE_ROWS)])
        table = part.set_column(0, "customer_id", ids).slice(0, rows)
        pyarrow.parquet.write_table(table, folder / f"{number:04}.parquet")
    return folder


def register(folder: Path) -> str:
    """A registry with a champion."""
    uri = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("speed", str(folder / "runs")))
    simulation = simulate(seed=0)
    scorecard = fit(simulation.customers, simulation.churned, CUSTOMER_SCHEMA).scorecard
    with mlflow.start_run():
        registry.register(log_model(scorecard, CUSTOMER_SCHEMA, simulation.customers.head(3)))
    return uri


def udfs(source: Path, rounds: int) -> dict[str, float]:
    """Seconds of the model's UDF and of one that does nothing, over the same table."""
    from pyspark.sql import functions as F  # noqa: N812

    spark = session("local[2]")
    table = spark.read.parquet(str(source))
    names = [column.name for column in CUSTOMER_SCHEMA]
    # as the command does it: identifiers stay in the row, where they are
    kind = result_type(CUSTOMER_SCHEMA, identifiers=False)
    ours = mlflow.pyfunc.spark_udf(spark, "models:/churn@champion", result_type=kind)

    @F.pandas_udf(kind)
    def nothing(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            n = len(batch)
            yield pd.DataFrame(
                {
                    "churn_prediction": np.zeros(n, dtype=np.int64),
                    "churn_probability": np.zeros(n),
                }
            )

    def consume(udf: Callable) -> Callable[[], None]:
        scores = table.select(udf(F.struct(*names)).alias("s")).select("s.*")
        return lambda: scores.write.format("noop").mode("overwrite").save()

    return alternate({"the model": consume(ours), "nothing": consume(nothing)}, rounds)


def alternate(sides: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median seconds of each side, in turns, after one turn that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, run in sides.items():
            began = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in seconds.items()}


def command(engine: str, source: Path, uri: str, folder: Path) -> dict[str, float]:
    """Rows a second, start included, of one run of the command, and its peak memory in MiB."""
    flags = ["--engine", engine, "--master", "local[2]", "--mode", "overwrite"]
    began = time.perf_counter()
    flags += ["--input", str(source), "--output", str(folder / f"out-{engine}")]
    process = subprocess.Popen(
        [sys.executable, str(COMMAND), *flags],
        env=os.environ | {"MLFLOW_TRACKING_URI": uri},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _peak(process.pid))
        time.sleep(0.05)
    whole = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{engine}: failed")
    summary = json.loads(process.stdout.read())
    return {
        "rows": summary["rows"],
        "seconds": summary["seconds"],
        "whole": whole,
        "mib": peak,
    }


def _peak(pid: int) -> float:
    """The most memory that a process has had, MiB."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+)", text)
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uri = register(folder)
        large = generate(folder / "large", options.rows)
        small = generate(folder / "small", options.rows // 10)
        found = {
            engine: {
                size: [command(engine, source, uri, folder) for _ in range(options.rounds)]
                for size, source in (("small", small), ("large", large))
            }
            for engine in ("local", "spark")
        }
        udf = {
            size: udfs(source, options.rounds)
            for size, source in (("small", small), ("large", large))
        }
    _print(options.rows, udf, found)
    if options.json:
        options.json.write_text(json.dumps({"udf": udf, "commands": found}, indent=1))


def _print(rows: int, udf: dict[str, dict[str, float]], found: dict) -> None:
    print("| UDF | rows | rows/s | us a row | ratio |\n| --- | --- | --- | --- | --- |")
    for n, sides in zip((rows // 10, rows), udf.values(), strict=True):
        for name, seconds in sides.items():
            ratio = sides["nothing"] / seconds
            each = seconds / n * 1e6
            print(f"| {name} | {n:,} | {n / seconds:,.0f} | {each:.2f} | {ratio:.2f} |")
    print("\n| engine | rows | rows/s | us a row | peak MiB of Python | seconds with start |")
    print("| --- | --- | --- | --- | --- | --- |")
    for engine, sizes in found.items():
        for runs in sizes.values():
            seconds = statistics.median(run["seconds"] for run in runs)
            n = runs[0]["rows"]
            print(
                f"| {engine} | {n:,} | {n / seconds:,.0f} | {seconds / n * 1e6:.3f} | "
                f"{max(run['mib'] for run in runs):,.0f} | "
                f"{statistics.median(run['whole'] for run in runs):.1f} |"
            )


if __name__ == "__main__":
    main()
