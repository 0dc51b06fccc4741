"""Compares the requests per second of this server with those of its alternatives.

Each server has one worker on core 0, and wrk runs on core 1. The servers take turns in each round;
the medians over the rounds are compared. This server runs with API keys, rate limits (requests and
rows), request ids, JSON logs and metrics, with and without the inference log. Needs wrk (Debian:
apt-get install wrk) and the extras train and serve. ``before.py`` compares it with another version.

--formats csv,parquet compares the servers that accept such bodies for ``/invocations``.

With --data, --id and --target, the model is trained on that table, and this server is compared with
the tutorial's app and MLflow's server only. --servers names those to compare it with; --rows and
--connections choose what is measured.

Usage: python benchmarks/serving/run.py [--seconds S] [--rounds N] [--json FILE]
    [--rows N,...] [--connections N,...] [--servers NAME ...] [--formats json,csv,parquet]
    [--data FILE --id COLUMN --target COLUMN=VALUE]
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import pickle
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
from local_registry import create_registry
from wide_model import records
from wrk import Load, measure, serving

from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from pyfunc import registry
from pyfunc.logging import log_model
from pyfunc.signature import signature
from serving.http.api_keys import make
from training.arguments.train import train_options
from training.data.table import Table, simulated_table
from training.fitting.baselines import BOOSTING, baselines
from training.fitting.fit import feature_table, fit
from training.training_data import read_training_data

HERE = Path(__file__).parent
OURS, UNLOGGED = "this server", "this server without a log"
BARE, FASTAPI, TUTORIAL = (
    "bare no-op ASGI",
    "no-op FastAPI",
    "FastAPI tutorial",
)
MLFLOWS = MLFLOW, PIPELINE = "mlflow, this model", "mlflow, pipeline"
NAMES = (OURS, UNLOGGED, BARE, FASTAPI, TUTORIAL, *MLFLOWS)
CONTENT_TYPES = {
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass
class Server:
    """A server to measure: how to start it, and which requests to send."""

    name: str
    command: list[str]
    port: int
    environment: dict[str, str]
    headers: dict[str, str]

    def load(self, rows: int, customers: pd.DataFrame, format_: str) -> Load:
        """A request with ``rows`` customers."""
        headers = {"Content-Type": CONTENT_TYPES[format_], **self.headers}
        sent = customers.head(rows)
        if format_ == "csv":
            return Load("/invocations", sent.to_csv(index=False).encode(), headers)
        if format_ == "parquet":
            buffer = io.BytesIO()
            sent.to_parquet(buffer, index=False)
            return Load("/invocations", buffer.getvalue(), headers)
        path, body = self.json_request(rows, records(sent))
        return Load(path, json.dumps(body).encode(), headers)

    def json_request(self, rows: int, customers: list[dict]) -> tuple[str, dict]:
        """Path and body of a request with ``rows`` customers."""
        if self.name in MLFLOWS:
            return "/invocations", {"dataframe_records": customers[:rows]}
        if rows == 1:
            return "/predict/single", customers[0]
        return "/predict", {"customers": customers[:rows]}


def servers(folder: Path, table: Table, schema: RecordSchema) -> list[Server]:
    """All servers, with a scorecard and a scikit-learn pipeline fitted to the same table."""
    scorecard = fit(table.customers, table.churned, schema).scorecard
    uri = create_registry(folder)
    with mlflow.start_run():
        registry.register(log_model(scorecard, schema, table.customers.head(3)))
    pipeline = baselines(schema)[BOOSTING]
    pipeline.fit(feature_table(table.customers, schema), table.churned)
    (folder / "tutorial.pkl").write_bytes(pickle.dumps(pipeline))
    os.environ["TUTORIAL_MODEL"] = str(folder / "tutorial.pkl")
    (folder / "tutorial.json").write_text(json.dumps(schema.to_json_schema()))
    os.environ["TUTORIAL_SCHEMA"] = str(folder / "tutorial.json")
    mlflow.pyfunc.save_model(
        str(folder / "pipeline"),
        python_model=str(HERE / "pipeline_model.py"),
        signature=signature(schema),
        pip_requirements=["mlflow"],
    )
    key, stored = make()
    python = sys.executable
    model = mlflow.artifacts.download_artifacts("models:/churn@champion")

    def uvicorn(app: str, port: int) -> list[str]:
        options = ["--port", str(port), "--no-access-log", "--log-level", "warning"]
        return [python, "-m", "uvicorn", app, *options]

    log = ["--inference-log", str(folder / "log"), "--inference-log-key", str(folder / "key")]
    environment = {"MLFLOW_TRACKING_URI": uri, "CHURN_SERVING_KEYS": f"bench={stored.hash}"}
    limits = ["--rate-limit", "100000000/minute", "--rate-limit-rows", "100000000000/minute"]
    serve = [python, "-m", "serving", *limits]
    return [
        Server(OURS, [*serve, "-p", "8201", *log], 8201, environment, {"X-API-Key": key}),
        Server(UNLOGGED, [*serve, "-p", "8207"], 8207, environment, {"X-API-Key": key}),
        Server(BARE, uvicorn("noop_asgi:app", 8202), 8202, {}, {}),
        Server(FASTAPI, uvicorn("noop_fastapi:app", 8203), 8203, {}, {}),
        Server(TUTORIAL, uvicorn("tutorial:app", 8204), 8204, {}, {}),
        Server(
            MLFLOW,
            uvicorn("mlflow.pyfunc.scoring_server.app:app", 8205),
            8205,
            {"__pyfunc_model_path__": model, "MLFLOW_TRACKING_URI": uri},
            {},
        ),
        Server(
            PIPELINE,
            uvicorn("mlflow.pyfunc.scoring_server.app:app", 8206),
            8206,
            {"__pyfunc_model_path__": str(folder / "pipeline")},
            {},
        ),
    ]


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="duration of one run of wrk")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--data", default="", help="train on this table instead of simulated customers"
    )
    parser.add_argument("--id", default="")
    parser.add_argument("--target", default="")
    parser.add_argument("--rows", default="1,1000", help="customers per request")
    parser.add_argument("--connections", default="1,16")
    parser.add_argument(
        "--servers", nargs="+", choices=NAMES, help="besides this server; all by default"
    )
    parser.add_argument("--formats", default="json", help="json, csv, parquet")
    options = parser.parse_args()
    cases = itertools.product(
        options.formats.split(","),
        map(int, options.rows.split(",")),
        map(int, options.connections.split(",")),
    )
    table, schema = simulated_table(10_000, 0), CUSTOMER_SCHEMA
    if options.data:
        flags = [f"--{name}={getattr(options, name)}" for name in ("data", "id", "target")]
        data = read_training_data(train_options(flags))
        table, schema = data.table, data.schema
    results: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        compared = servers(folder, table, schema)
        if options.data:  # the others support only the default record
            compared = [
                server for server in compared if server.name in (OURS, UNLOGGED, TUTORIAL, MLFLOW)
            ]
        if options.servers:
            compared = [s for s in compared if s.name in (OURS, *options.servers)]
        groups = {
            server.name: stack.enter_context(
                serving(server.command, server.port, HERE, server.environment)
            )
            for server in compared
        }
        for format_, rows, connections in cases:
            accepting = [
                s for s in compared if format_ == "json" or s.name in (OURS, UNLOGGED, *MLFLOWS)
            ]
            runs: dict[str, list[dict[str, float]]] = {server.name: [] for server in accepting}
            for _ in range(options.rounds):
                for server in accepting:
                    load = server.load(rows, table.customers, format_)
                    group = groups[server.name]
                    runs[server.name].append(
                        measure(load, server.port, group, connections, options.seconds, folder)
                    )
            results[f"{rows} rows of {format_}, {connections} connections"] = {
                name: {key: statistics.median(run[key] for run in each) for key in each[0]}
                for name, each in runs.items()
            }
    _print(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def _print(cases: dict[str, dict[str, dict[str, float]]]) -> None:
    print(
        "| rows, connections | server | requests/s | p50 ms | p99 ms | CPU us/request | "
        "this server / it |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for case, results in cases.items():
        ours = results[OURS]["rate"]
        for name, result in results.items():
            times = f"{ours / result['rate']:.2f} times" if name != OURS else ""
            print(
                f"| {case} | {name} | {result['rate']:,.0f} | {result['p50']:.2f} | "
                f"{result['p99']:.2f} | {result['cpu_us']:.1f} | {times} |"
            )


if __name__ == "__main__":
    main()
