"""The training table as MLflow keeps track of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.pandas_dataset import PandasDataset, from_pandas

from training.data.table import Table


def dataset(table: Table) -> PandasDataset:
    """The customers, their labels (and weights, where they differ), and a digest of them."""
    frame = table.customers.assign(churned=table.churned)
    if (table.weights != 1).any():
        frame["weight"] = table.weights
    source = table.source or CodeDatasetSource({"generator": "training.data.simulator"})
    with _quiet():
        return from_pandas(frame, source, targets="churned", name=table.name)


def log_input(data: PandasDataset) -> None:
    """Note in the active run what it was trained on."""
    with _quiet():
        mlflow.log_input(data, context="training")


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # two remarks of MLflow's on its own guesses: which kind of path this is, and that a column
        # of whole numbers could hold missing ones
        warnings.simplefilter("ignore", UserWarning)
        yield
