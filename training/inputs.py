"""The training table as MLflow keeps track of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.pandas_dataset import PandasDataset, from_pandas

from training.table import Table


def digest(table: Table) -> str:
    """A short fingerprint of the customers and their labels."""
    with _quiet():
        return str(_dataset(table).digest)


def log_input(table: Table) -> None:
    """Note in the active run what it was trained on."""
    with _quiet():
        mlflow.log_input(_dataset(table), context="training")


def _dataset(table: Table) -> PandasDataset:
    frame = table.customers.assign(churned=table.churned)
    if (table.weights != 1).any():
        frame["weight"] = table.weights
    source = table.source or CodeDatasetSource({"generator": "training.simulator"})
    return from_pandas(frame, source, targets="churned", name=table.name)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # two remarks of MLflow's on its own guesses: which kind of path this is, and that a column
        # of whole numbers could hold missing ones
        warnings.simplefilter("ignore", UserWarning)
        yield
