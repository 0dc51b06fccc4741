"""What the benchmarks of the server have in common: a registry with a model, and a customer."""

from __future__ import annotations

from pathlib import Path

import mlflow

from churn_model.schema import CUSTOMER_SCHEMA
from pyfunc import registry
from pyfunc.logging import log_model
from training.data.simulator import simulate
from training.fitting.fit import fit

CUSTOMER = {
    "customer_id": "C1",
    "age": 42,
    "tenure": 12,
    "monthly_charges": 70.5,
    "total_charges": 846.0,
}


def create_registry(folder: Path) -> str:
    """An empty registry, which MLflow uses from now on; returns its tracking URI."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    artifacts = (folder / "runs").as_uri()
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("benchmark", artifacts))
    return uri


def register_simulated(rows: int, alias: str = registry.CHAMPION, seed: int = 0) -> None:
    """Register a version that is fitted to so many simulated customers, under an alias."""
    simulation = simulate(rows, seed=seed)
    scorecard = fit(simulation.customers, simulation.churned, CUSTOMER_SCHEMA).scorecard
    with mlflow.start_run():
        example = simulation.customers.head(3)
        registry.register(log_model(scorecard, CUSTOMER_SCHEMA, example), alias=alias)
