"""How quick it is, as ratios measured side by side in one run.

Each comparison alternates its two sides and takes the median over the rounds, so that a noisy
machine slows both. Usage: python scripts/benchmark.py [--json FILE] [--rounds N] [--skip-serving]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
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

ROOT = Path(__file__).parents[1]
MANY = 100_000
REQUESTS = 150  # a round


@dataclass(frozen=True)
class Comparison:
    """``ours`` and ``theirs`` in ``unit``; ``ratio`` is how many times better ours is."""

    name: str
    unit: str
    ours: float
    theirs: float
    ratio: float
    goal: float


def main() -> int:
    """Measure, print a table, write JSON; 1 if a goal is missed."""
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
            f"one row, against {name}",
            "us",
            lambda: _seconds(lambda: scorer.score_one(row), 2000) * 1e6,
            lambda model=model: _seconds(lambda: model.predict_proba(first), 30) * 1e6,
            rounds,
            goal=100,
        )
        yield _compare(
            f"{MANY:,} rows, against {name}",
            "ms",
            lambda: _seconds(lambda: scorer.score(many), 3) * 1e3,
            lambda model=model: _seconds(lambda: model.predict_proba(features), 1) * 1e3,
            rounds,
            goal=10 if boosting else 0,
        )


def _serving(scorecard: Scorecard, rounds: int) -> Comparison:
    """Requests a second of ``mlflow models serve``, one row each, against a model of no work."""
    example = simulate(3, seed=0).customers
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment(experiment_id=mlflow.create_experiment("speed", f"{folder}/runs"))
        with mlflow.start_run():
            ours = log_model(scorecard, CUSTOMER_SCHEMA, example).model_uri
        mlflow.pyfunc.save_model(
            f"{folder}/noop",
            python_model=str(ROOT / "benchmarks" / "noop_model.py"),
            signature=signature(CUSTOMER_SCHEMA),
            pip_requirements=["mlflow"],
        )
        rates = [
            stack.enter_context(_rate_of(uri, port))
            for uri, port in ((ours, 5901), (f"{folder}/noop", 5902))
        ]
        return _compare(
            "mlflow models serve, one row, against a model that does nothing",
            "requests/s",
            *rates,
            rounds,
            goal=0.9,
            more_is_better=True,
        )


@contextmanager
def _rate_of(uri: str, port: int) -> Iterator[Callable[[], float]]:
    """A function that measures the request rate of a served model."""
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
            begun = time.perf_counter()
            for _ in range(REQUESTS):
                session.post(f"{url}/invocations", data=body).raise_for_status()
            return REQUESTS / (time.perf_counter() - begun)

    try:
        _wait(url)
        rate()
        yield rate
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


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
    """Seconds for one call."""
    begun = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - begun) / times


def _compare(
    name: str,
    unit: str,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    rounds: int,
    goal: float,
    more_is_better: bool = False,
) -> Comparison:
    ours(), theirs()  # warm up
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    ratios = [a / b if more_is_better else b / a for a, b in pairs]
    middle = [statistics.median(side) for side in zip(*pairs, strict=True)]
    return Comparison(name, unit, *middle, statistics.median(ratios), goal)


def _print(results: list[Comparison]) -> None:
    print(f"{'':66}{'ours':>10}{'theirs':>12}  {'':12}{'ratio':>8}{'goal':>8}")
    for r in results:
        goal = f"{r.goal:g}" if r.goal else "-"
        print(f"{r.name:66}{r.ours:10.4g}{r.theirs:12.5g}  {r.unit:12}{r.ratio:8.2f}{goal:>8}")


if __name__ == "__main__":
    sys.exit(main())
