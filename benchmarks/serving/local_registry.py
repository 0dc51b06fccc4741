"""What the benchmarks of the server have in common: a registry in a folder, and a customer."""

from __future__ import annotations

from pathlib import Path

import mlflow

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
