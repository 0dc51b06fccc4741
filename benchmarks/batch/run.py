"""Rows per second of batch scoring, measured side by side in one run on local[2].

- the model's UDF against a pandas UDF with the same types that does nothing;
- the whole command, with ``--engine spark`` and with ``--engine local``;
- the time per row, and the peak memory of ``--engine local``, for ten times as many rows.

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

from churn_model.schema import CUSTOMER_SCHEMA
from pyfunc import registry
from pyfunc.logging import log_model
from pyfunc.spark_session import session
from pyfunc.spark_types import result_type
from training.data.simulator import simulate
from training.fitting.fit import fit

COMMAND = Path(__file__).parents[2] / "scripts" / "score_batch.py"
ROWS_PER_FILE = 250_000


def generate(folder: Path, rows: int) -> Path:
    """Write a table with this many customers; every file repeats the same ones with new ids."""
    folder.mkdir()
    part = pa.Table.from_pandas(simulate(ROWS_PER_FILE, seed=5).customers, preserve_index=False)
    for number in range(max(1, rows // ROWS_PER_FILE)):
        ids = pa.array([f"{number:04}-{i:07}" for i in range(ROWS_PER_FILE)])
        table = part.set_column(0, "customer_id", ids).slice(0, rows)
        pyarrow.parquet.write_table(table, folder / f"{number:04}.parquet")
    return folder


def register(folder: Path) -> str:
    """Create a registry with a champion; returns its tracking URI."""
    uri = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("speed", str(folder / "runs")))
    simulation = simulate(seed=0)
    scorecard = fit(simulation.customers, simulation.churned, CUSTOMER_SCHEMA).scorecard
    with mlflow.start_run():
        registry.register(log_model(scorecard, CUSTOMER_SCHEMA, simulation.customers.head(3)))
    return uri


def udfs(source: Path, rounds: int) -> dict[str, float]:
    """Seconds that the model's UDF and a UDF that does nothing take for the same table."""
    from pyspark.sql import functions as F  # noqa: N812

    spark = session("local[2]")
    table = spark.read.parquet(str(source))
    names = [column.name for column in CUSTOMER_SCHEMA]
    # like the command, which takes the identifiers from the input
    output_type = result_type(CUSTOMER_SCHEMA, identifiers=False)
    model = mlflow.pyfunc.spark_udf(spark, "models:/churn@champion", result_type=output_type)

    @F.pandas_udf(output_type)
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

    return alternate({"the model": consume(model), "nothing": consume(nothing)}, rounds)


def alternate(sides: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median seconds of each side; they run in turns, and the first turn only warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, run in sides.items():
            began = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in seconds.items()}


def command(engine: str, source: Path, uri: str, folder: Path) -> dict[str, float]:
    """Run the command; returns its rows, seconds without and with the start, and peak MiB."""
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
        peak = max(peak, _peak_memory(process.pid))
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


def _peak_memory(pid: int) -> float:
    """The peak memory of a process in MiB."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    match = re.search(r"VmHWM:\s+(\d+)", text)
    return int(match[1]) / 1024 if match else 0.0


def main() -> None:
    """Measure, and print the results as Markdown tables."""
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
        commands = {
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
    _print(options.rows, udf, commands)
    if options.json:
        options.json.write_text(json.dumps({"udf": udf, "commands": commands}, indent=1))


def _print(rows: int, udf: dict[str, dict[str, float]], commands: dict) -> None:
    print("| UDF | rows | rows/s | us per row | ratio |\n| --- | --- | --- | --- | --- |")
    for n, sides in zip((rows // 10, rows), udf.values(), strict=True):
        for name, seconds in sides.items():
            ratio = sides["nothing"] / seconds
            per_row = seconds / n * 1e6
            print(f"| {name} | {n:,} | {n / seconds:,.0f} | {per_row:.2f} | {ratio:.2f} |")
    print("\n| engine | rows | rows/s | us per row | peak MiB of Python | seconds with start |")
    print("| --- | --- | --- | --- | --- | --- |")
    for engine, sizes in commands.items():
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
