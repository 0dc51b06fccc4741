"""The training table as an MLflow dataset."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
import pandas as pd
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.pandas_dataset import PandasDataset, from_pandas

from training.data.table import Table


def mlflow_dataset(table: Table) -> PandasDataset:
    """The customers and their labels (and weights, unless all are 1), with a digest."""
    frame = table.customers.assign(churned=table.churned)
    if (table.weights != 1).any():
        frame["weight"] = table.weights
    source = table.source or CodeDatasetSource({"generator": "training.data.simulator"})
    with _without_warnings():
        dataset = from_pandas(frame, source, targets="churned", name=table.name)
        # from all rows, MLflow takes microseconds for each string of the table
        dataset.schema = from_pandas(_enough_for_schema(frame), source).schema
    return dataset


def _enough_for_schema(frame: pd.DataFrame) -> pd.DataFrame:
    """A few rows with the same schema: the first with a value and without one, in each column."""
    chosen = set()
    for _, values in frame.items():
        for mask in (values.isna().to_numpy(), values.notna().to_numpy()):
            if mask.any():
                chosen.add(int(mask.argmax()))
    return frame.iloc[sorted(chosen)]


def log_dataset(dataset: PandasDataset) -> None:
    """Log the dataset as the active run's training input."""
    with _without_warnings():
        mlflow.log_input(dataset, context="training")


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Hide two warnings of MLflow: on the kind of path, and on integers that may be missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield
