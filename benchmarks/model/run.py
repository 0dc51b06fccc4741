"""Measures speed as ratios, side by side in one run.

Each comparison alternates its two sides and takes the median of the rounds, so that a busy machine
slows both. Usage: python benchmarks/model/run.py [--json FILE] [--rounds N] [--skip-serving]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import mlflow
import numpy as np
import requests

from churn_model.client import ChurnClient
from churn_model.errors import ChurnError
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import Scorecard
from pyfunc import serve
from pyfunc.logging import log_model
from pyfunc.signature import signature
from training.data.simulator import Simulation, simulate
from training.fitting.baselines import baselines
from training.fitting.fit import feature_table, fit

MANY = 100_000
REQUESTS = 150  # per round


@dataclass(frozen=True)
class Comparison:
    """Two values in ``unit``; ``ratio`` is how many times better the scorecard is."""

    name: str
    unit: str
    scorecard: float
    other: float
    ratio: float
    goal: float


def main() -> int:
    """Measure, print a table and write JSON; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--skip-serving", action="store_true")
    options = parser.parse_args()
    simulation = simulate(seed=0)
    scorecard = fit(simulation.customers, simulation.churned, CUSTOMER_SCHEMA).scorecard
    results = list(_scoring(scorecard, simulation, options.rounds))
    if not options.skip_serving:
        results.append(_serving(scorecard, options.rounds))
    _print(results)
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1))
    return int(any(result.ratio < result.goal for result in results))


def _scoring(scorecard: Scorecard, simulation: Simulation, rounds: int) -> Iterator[Comparison]:
    scorer = Scorer(scorecard, CUSTOMER_SCHEMA)
    many = simulate(MANY, seed=1).customers
    features = feature_table(many, CUSTOMER_SCHEMA)
    first, row = features.head(1), many.head(1).replace({np.nan: None}).to_dict("records")[0]
    models = baselines(CUSTOMER_SCHEMA)
    for name, model in models.items():
        model.fit(feature_table(simulation.customers, CUSTOMER_SCHEMA), simulation.churned)
        boosting = name == "hist_gradient_boosting"
        yield _compare(
            f"one row, compared with {name}",
            "us",
            lambda: _seconds(lambda: scorer.score_one(row), 2000) * 1e6,
            lambda model=model: _seconds(lambda: model.predict_proba(first), 30) * 1e6,
            rounds,
            goal=100,
        )
        yield _compare(
            f"{MANY:,} rows, compared with {name}",
            "ms",
            lambda: _seconds(lambda: scorer.score(many), 3) * 1e3,
            lambda model=model: _seconds(lambda: model.predict_proba(features), 1) * 1e3,
            rounds,
            goal=10 if boosting else 0,
        )


def _serving(scorecard: Scorecard, rounds: int) -> Comparison:
    """Requests per second of ``mlflow models serve``: this model, and one that does nothing."""
    example = simulate(3, seed=0).customers
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment(experiment_id=mlflow.create_experiment("speed", f"{folder}/runs"))
        with mlflow.start_run():
            model_uri = log_model(scorecard, CUSTOMER_SCHEMA, example).model_uri
        mlflow.pyfunc.save_model(
            f"{folder}/noop",
            python_model=str(Path(__file__).with_name("noop_model.py")),
            signature=signature(CUSTOMER_SCHEMA),
            pip_requirements=["mlflow"],
        )
        rates = [stack.enter_context(_rate_of(uri)) for uri in (model_uri, f"{folder}/noop")]
        return _compare(
            "mlflow models serve, one row, compared with a model that does nothing",
            "requests/s",
            *rates,
            rounds,
            goal=0.9,
            more_is_better=True,
        )


@contextmanager
def _rate_of(uri: str) -> Iterator[Callable[[], float]]:
    """Serve a model; gives a function that measures its requests per second."""
    port = _free_port()
    process = subprocess.Popen(
        serve.command(uri, port),
        env=serve.environment() | {"MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    names = [column.name for column in CUSTOMER_SCHEMA]
    values = simulate(1, seed=0).customers[names].to_numpy(dtype=object).tolist()
    body = json.dumps({"dataframe_split": {"columns": names, "data": values}})

    def rate() -> float:
        with requests.Session() as session:
            session.headers["Content-Type"] = "application/json"
            began = time.perf_counter()
            for _ in range(REQUESTS):
                session.post(f"{url}/invocations", data=body).raise_for_status()
            return REQUESTS / (time.perf_counter() - began)

    try:
        _wait(url)
        rate()
        yield rate
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str) -> None:
    with ChurnClient(url, retries=0) as client:
        for _ in range(600):
            try:
                client.ping()
                return
            except ChurnError:
                time.sleep(0.2)
    raise SystemExit(f"{url} did not start")


def _seconds(call: Callable[[], object], times: int) -> float:
    """Seconds per call."""
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times


def _compare(
    name: str,
    unit: str,
    scorecard: Callable[[], float],
    other: Callable[[], float],
    rounds: int,
    goal: float,
    more_is_better: bool = False,
) -> Comparison:
    scorecard(), other()  # warm up
    pairs = [(scorecard(), other()) for _ in range(rounds)]
    ratios = [a / b if more_is_better else b / a for a, b in pairs]
    middle = [statistics.median(side) for side in zip(*pairs, strict=True)]
    return Comparison(name, unit, *middle, statistics.median(ratios), goal)


def _print(results: list[Comparison]) -> None:
    print(f"{'':66}{'scorecard':>10}{'other':>12}  {'':12}{'ratio':>8}{'goal':>8}")
    for r in results:
        goal = f"{r.goal:g}" if r.goal else "-"
        print(f"{r.name:66}{r.scorecard:10.4g}{r.other:12.5g}  {r.unit:12}{r.ratio:8.2f}{goal:>8}")


if __name__ == "__main__":
    sys.exit(main())
