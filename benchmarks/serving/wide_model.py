"""A registered model with any number of fields, and customers for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from local_registry import create_registry

from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import INT64_MAX, INT64_MIN, Column
from pyfunc import registry
from pyfunc.logging import log_model
from training.data.simulator import simulate
from training.fitting.fit import FitSettings, fit

_LEVELS = ("Basic", "Standard", "Premium", "Business")
_ROWS = 4000


def register_wide_model(folder: Path, fields: int) -> tuple[str, pd.DataFrame, RecordSchema]:
    """Register a model with this many fields (at least 5) in a new registry.

    Returns the registry's URI, 1,000 customers, and the schema. The first fields are those of the
    default record. The others are, in turns, integers, numbers, categories, categories that accept
    unlisted texts, booleans, and optional numbers. No field is marked as actionable: that changes
    no score, and older versions, which ``before.py`` compares with, reject such a schema.
    """
    default = [replace(column, actionable=False) for column in CUSTOMER_SCHEMA.columns]
    extra = [_column(i) for i in range(fields - len(default))]
    schema = RecordSchema("wide", (*default, *extra))
    simulation = simulate(_ROWS, 0)
    rng = np.random.default_rng(0)
    cells = {column.name: _cells(column, rng) for column in extra}
    customers = simulation.customers.assign(**cells)
    settings = FitSettings(outer_bags=1)  # scoring takes as long as with the average of many
    scorecard = fit(customers, simulation.churned, schema, settings=settings).scorecard
    folder.mkdir()
    uri = create_registry(folder)
    with mlflow.start_run():
        registry.register(log_model(scorecard, schema, customers.head(3)))
    return uri, customers.head(1000), schema


def records(customers: pd.DataFrame) -> list[dict[str, Any]]:
    """Customers as JSON has them, with None for missing."""
    return customers.astype(object).where(customers.notna(), None).to_dict("records")


def _column(i: int) -> Column:
    name = f"field_{i}"
    return (
        Column(name, "integer", minimum=INT64_MIN, maximum=INT64_MAX),
        Column(name, "number"),
        Column(name, "category", levels=_LEVELS),
        Column(name, "category", levels=_LEVELS, allows_unlisted=True),
        Column(name, "boolean"),
        Column(name, "number", required=False),
    )[i % 6]


def _cells(column: Column, rng: np.random.Generator) -> Any:
    if column.kind == "integer":
        return rng.integers(0, 100, _ROWS)
    if column.kind == "category":
        return rng.choice(_LEVELS, _ROWS)
    if column.kind == "boolean":
        return rng.random(_ROWS) < 0.5
    numbers = rng.normal(50, 20, _ROWS).round(2)
    if not column.required:
        numbers[rng.random(_ROWS) < 0.1] = np.nan
    return numbers
