"""Compares this checkout's server with that of another checkout, such as the version before.

The two servers take turns on core 0, and wrk runs on core 1; the medians over the rounds are
compared. Both serve the same models, with API keys, rate limits (requests and rows), request ids,
JSON logs and metrics. The CPU time per request is the server's own, so it depends less on what else
the machine does. Needs wrk and the extras train and serve.

Usage: git worktree add ../before TAG
       python benchmarks/serving/before.py --before ../before [--fields 5 20 50]
           [--connections 1 16] [--cases single customers records csv parquet]
           [--seconds S] [--rounds N] [--inference-log] [--json FILE]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
from wide_model import records, register_wide_model
from wrk import Load, measure, serving

from serving.http.api_keys import make

AFTER = Path(__file__).resolve().parents[2]
_FIELDS, _CONNECTIONS = (5, 20, 50), (1, 16)
_PORTS = {"before": 8211, "after": 8212}
_LIMITS = ("--rate-limit", "100000000/minute", "--rate-limit-rows", "100000000000/minute")
_JSON = "application/json"
_COLUMNS = (
    "fields",
    "case",
    "connections",
    "requests/s before",
    "after",
    "ratio",
    "CPU us before",
    "after",
    "ratio",
    "p99 ms before",
    "after",
)


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


CASES: dict[str, tuple[str, str, Callable[[pd.DataFrame], bytes]]] = {
    "single": ("/predict/single", _JSON, lambda t: orjson.dumps(records(t)[0])),
    "customers": ("/predict", _JSON, lambda t: orjson.dumps({"customers": records(t)})),
    "records": (
        "/invocations",
        _JSON,
        lambda t: orjson.dumps({"dataframe_records": records(t)}),
    ),
    "csv": ("/invocations", "text/csv", lambda t: t.to_csv(index=False).encode()),
    "parquet": ("/invocations", "application/vnd.apache.parquet", _parquet),
}
"""Path, content type, and the body with 1,000 customers (``single``: with the first one)."""


def compare(fields: int, options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Measure all cases with one model; one result per case and number of connections."""
    uri, customers, _ = register_wide_model(folder, fields)
    key, stored = make()
    environment = {"MLFLOW_TRACKING_URI": uri, "CHURN_SERVING_KEYS": f"bench={stored.hash}"}
    results = []
    with ExitStack() as stack:
        groups = {
            version: stack.enter_context(_server(version, checkout, environment, options, folder))
            for version, checkout in (("before", options.before.resolve()), ("after", AFTER))
        }
        for case in options.cases:
            path, content_type, body = CASES[case]
            headers = {"Content-Type": content_type, "X-API-Key": key}
            load = Load(path, body(customers), headers)
            for connections in options.connections:
                result = {"fields": fields, "case": case, "connections": connections}
                result |= _in_turns(load, groups, connections, options, folder)
                print(_row(result), flush=True)
                results.append(result)
    return results


def _server(
    version: str,
    checkout: Path,
    environment: dict[str, str],
    options: argparse.Namespace,
    folder: Path,
) -> AbstractContextManager[int]:
    port = _PORTS[version]
    command = [sys.executable, "-m", "serving", "-p", str(port), *_LIMITS]
    if options.inference_log:
        command += ["--inference-log", str(folder / f"log-{version}")]
        command += ["--inference-log-key", str(folder / f"key-{version}")]
    others = [path for path in os.environ.get("PYTHONPATH", "").split(":") if path]
    paths = [str(checkout), *(path for path in others if Path(path).resolve() != AFTER)]
    return serving(command, port, checkout, environment | {"PYTHONPATH": ":".join(paths)})


def _in_turns(
    load: Load, groups: dict[str, int], connections: int, options: argparse.Namespace, folder: Path
) -> dict[str, dict[str, float]]:
    """The medians over the rounds, by version."""
    runs: dict[str, list[dict[str, float]]] = {version: [] for version in groups}
    for _ in range(options.rounds):
        for version, group in groups.items():
            run = measure(load, _PORTS[version], group, connections, options.seconds, folder)
            runs[version].append(run)
    return {version: _medians(each) for version, each in runs.items()}


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def _row(result: dict[str, Any]) -> str:
    before, after = result["before"], result["after"]
    return (
        f"| {result['fields']} | {result['case']} | {result['connections']} "
        f"| {before['rate']:,.0f} | {after['rate']:,.0f} | {after['rate'] / before['rate']:.2f} "
        f"| {before['cpu_us']:,.0f} | {after['cpu_us']:,.0f} "
        f"| {before['cpu_us'] / after['cpu_us']:.2f} | {before['p99']:.2f} | {after['p99']:.2f} |"
    )


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, required=True, help="the other checkout")
    parser.add_argument("--fields", type=int, nargs="+", default=_FIELDS)
    parser.add_argument("--connections", type=int, nargs="+", default=_CONNECTIONS)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seconds", type=int, default=3, help="duration of one run of wrk")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inference-log", action="store_true", help="write the inference log")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(f"| {' | '.join(_COLUMNS)} |\n|{' --- |' * len(_COLUMNS)}")
    results = []
    with tempfile.TemporaryDirectory() as name:
        for fields in options.fields:
            results += compare(fields, options, Path(name) / str(fields))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
