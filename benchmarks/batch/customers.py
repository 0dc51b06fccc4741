"""Tables of customers with any number of fields, and a registry with a model for them.

As a script it creates the registry: python benchmarks/batch/customers.py FOLDER FIELDS. The package
on PYTHONPATH logs the model, which may be an earlier checkout.
"""

from __future__ import annotations

import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import INT64_MAX, INT64_MIN, Column
from pyfunc import registry
from pyfunc.logging import log_model
from training.data.simulator import simulate
from training.fitting.fit import fit

ROWS_PER_FILE = 250_000
LEVELS = ("monthly", "yearly", "two years")


def schema_of(fields: int) -> RecordSchema:
    """The default record, and as many numbers, integers and categories as are missing."""
    extra = [_column(number) for number in range(len(CUSTOMER_SCHEMA.columns), fields)]
    return RecordSchema("Customer", (*CUSTOMER_SCHEMA.columns, *extra))


def _column(number: int) -> Column:
    name = f"field_{number}"
    if number % 3 == 0:
        return Column(name, "category", levels=LEVELS)
    if number % 3 == 1:
        return Column(name, "integer", minimum=INT64_MIN, maximum=INT64_MAX)
    return Column(name, "number", required=False)


def customers(schema: RecordSchema, rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Simulated customers (rows,) and who of them churned."""
    simulation, rng = simulate(rows, seed), np.random.default_rng(seed)
    columns = {}
    for column in schema.columns[len(CUSTOMER_SCHEMA.columns) :]:
        if column.kind == "category":
            columns[column.name] = rng.choice(np.array(LEVELS, dtype=object), rows)
        elif column.kind == "integer":
            columns[column.name] = rng.integers(0, 100, rows)
        else:
            columns[column.name] = rng.normal(0, 10, rows)
    extra = pd.DataFrame(columns, index=simulation.customers.index)
    return pd.concat([simulation.customers, extra], axis=1), simulation.churned


def generate(folder: Path, schema: RecordSchema, rows: int) -> Path:
    """Write a table with this many customers; every file repeats the same ones with new ids."""
    folder.mkdir()
    frame, _ = customers(schema, min(rows, ROWS_PER_FILE), seed=5)
    part = pa.Table.from_pandas(frame, preserve_index=False)
    for number in range(-(-rows // ROWS_PER_FILE)):
        left = min(ROWS_PER_FILE, rows - number * ROWS_PER_FILE)
        ids = pa.array([f"{number:04}-{i:07}" for i in range(left)])
        table = part.slice(0, left).set_column(0, "customer_id", ids)
        pyarrow.parquet.write_table(table, folder / f"{number:04}.parquet")
    return folder


def register(folder: Path, schema: RecordSchema) -> str:
    """Create a registry with a champion in a folder; returns its tracking URI."""
    uri = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("speed", str(folder / "runs")))
    frame, churned = customers(schema, 10_000, seed=0)
    with mlflow.start_run():
        registry.register(log_model(fit(frame, churned, schema).scorecard, schema, frame.head(3)))
    return uri


if __name__ == "__main__":
    register(Path(sys.argv[1]), schema_of(int(sys.argv[2])))
