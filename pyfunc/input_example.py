"""The input example that is logged with a model, in the types of its signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from churn_model.schema import Kind, RecordSchema


def cast_to_signature(example: pd.DataFrame, schema: RecordSchema) -> pd.DataFrame:
    """Convert a DataFrame (n rows) to the types of the model's signature.

    MLflow validates the example with numpy's types, in which integers and booleans cannot be
    missing. An optional integer or boolean column with missing values is therefore left out.
    """
    typed = example.copy()
    for column in schema:
        series = typed[column.name]
        if column.kind in ("integer", "boolean") and series.isna().any():
            typed = typed.drop(columns=column.name)
        else:
            typed[column.name] = CASTS[column.kind](series)
    return typed


def _as_float(series: pd.Series[Any]) -> Any:
    # MLflow rejects pandas' nullable numbers
    return series.to_numpy(np.float64, na_value=np.nan)


def _as_object(series: pd.Series[Any]) -> Any:
    return series.astype(object)


CASTS: dict[Kind, Callable[[pd.Series[Any]], Any]] = {
    "integer": lambda series: series.astype(np.int64),
    "number": _as_float,
    "boolean": lambda series: series.astype(np.bool_),
    "date": _as_object,
    "category": _as_object,
    "identifier": _as_object,
}
