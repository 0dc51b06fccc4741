"""Converts customers to the JSON body of ``/invocations``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pydantic import BaseModel

from churn_model.errors import RequestRejected, SchemaError
from churn_model.schema import RecordSchema

ClientInput: TypeAlias = pd.DataFrame | Sequence[Mapping[str, Any] | BaseModel]
Row: TypeAlias = dict[str, Any]


def rows_of(customers: ClientInput) -> list[Row]:
    """The customers as dicts (n,). Raises SchemaError for a duplicate column."""
    if isinstance(customers, pd.DataFrame):
        if not customers.columns.is_unique:
            raise SchemaError("the DataFrame has duplicate columns; keep one of each")
        names = [str(name) for name in customers.columns]
        columns = [customers[name].astype(object).tolist() for name in customers.columns]
        return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return [dict(c.model_dump()) if isinstance(c, BaseModel) else dict(c) for c in customers]


def encode(rows: Sequence[Row], schema: RecordSchema | None, params: Mapping[str, Any]) -> bytes:
    """The request body for n rows. Raises RequestRejected if they cannot be written as JSON."""
    names = _column_names(rows, schema)
    integers = {column.name for column in schema or () if column.kind == "integer"}
    data = [[_cell(row.get(name), name in integers) for name in names] for row in rows]
    body = {"dataframe_split": {"columns": names, "data": data}, "params": params}
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise RequestRejected(f"these customers cannot be written as JSON: {error}") from None


def _column_names(rows: Sequence[Row], schema: RecordSchema | None) -> list[str]:
    """The schema's columns, or without a schema all that occur in the rows."""
    if schema is None:
        return list(dict.fromkeys(name for row in rows for name in row))
    return [c.name for c in schema if c.required or any(c.name in row for row in rows)]


def _cell(value: Any, is_integer: bool) -> Any:
    """A value for JSON; integers in a float column are written as integers."""
    value = _plain(value)
    return int(value) if isinstance(value, float) and is_integer else value


def _plain(value: Any) -> Any:
    """Convert numpy scalars to Python's, dates to strings, and all missing values to None."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, date):  # includes datetime and pandas.Timestamp
        return value.isoformat().removesuffix("T00:00:00")
    return value.item() if isinstance(value, np.generic) else value
