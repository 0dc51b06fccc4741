"""The result of checking a batch of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churn_model.dates import iso_dates
from churn_model.schema import RecordSchema
from churn_model.schema.column import INT64_MAX, INT64_MIN, Column, Kind
from churn_model.validation import Checked

ERROR, RULES = "error", "rules"
"""Columns of a rejected row: what is wrong in words, and as ``field:rule`` joined by ``;``."""

_ARROW: dict[Kind, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.string(),
    "category": pa.string(),
    "identifier": pa.string(),
}


@dataclass(frozen=True)
class CheckedRows:
    """The result of checking a batch of n rows.

    ``identifiers``: the columns of identifiers (n,), which the results repeat unchanged. ``error``
    and ``rules`` (n,) are null for a valid row.
    """

    checked: Checked
    identifiers: Mapping[str, pa.Array]
    error: pa.Array
    rules: pa.Array

    @property
    def valid(self) -> pa.Array:
        """Which rows are valid (n,)."""
        return pa.array(self.checked.valid)

    def accepted(self, schema: RecordSchema) -> pa.RecordBatch:
        """The valid rows, with the columns and types of the model's signature."""
        arrays = [self._array(column) for column in schema]
        return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(schema)).filter(self.valid)

    def _array(self, column: Column) -> pa.Array:
        if column.kind == "identifier":
            return self.identifiers[column.name]
        values = self.checked.values[column.name]
        if column.kind == "date":
            return pa.array(iso_dates(values), pa.string())
        if column.name in self.checked.texts:
            texts = self.checked.texts[column.name]
            return pa.array([t if isinstance(t, str) else None for t in texts], pa.string())
        if column.kind == "category":
            missing = values < 0
            return pa.array(column.levels, pa.string()).take(pa.array(values, mask=missing))
        return _numbers(values, self.checked.valid, _ARROW[column.kind])


def _numbers(values: npt.NDArray[Any], valid: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    if values.dtype.kind != "f":
        return pa.array(values, kind)
    missing = np.isnan(values)
    if kind != pa.float64():
        # the values of rejected rows are not used and may be out of range
        values = np.where(missing | ~valid, 0, values)
        largest = values >= -float(INT64_MIN)  # doubles that stand for integers just below 2**63
        values = np.where(largest, 0, values).astype(bool if kind == pa.bool_() else np.int64)
        values[largest] = INT64_MAX
    return pa.array(values, kind, mask=missing)


def arrow_schema(schema: RecordSchema) -> pa.Schema:
    """The model's input columns as Arrow types."""
    return pa.schema([(column.name, _ARROW[column.kind]) for column in schema])


def checked_rows(
    checked: Checked, identifiers: dict[str, pa.Array], schema: RecordSchema
) -> CheckedRows:
    """The result for checked rows; an identifier that they lack is null."""
    n = checked.n
    for column in schema.identifiers:
        identifiers.setdefault(column.name, pa.nulls(n, pa.string()))
    if not checked.errors:
        nulls = pa.nulls(n, pa.string())
        return CheckedRows(checked, identifiers, nulls, nulls)
    messages = pa.array(checked.errors.messages_by_row(n), pa.string())
    rules = checked.errors.messages_by_row(n, lambda error: f"{error.field}:{error.type}", ";")
    return CheckedRows(checked, identifiers, messages, pa.array(rules, pa.string()))
