"""Infers the kind of a column from its name and its cells, or why to leave it out."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from churn_model.schema.column import OUTPUT_COLUMNS, Column, Kind
from churn_model.tables.cell_format import CellFormat
from churn_model.tables.descriptor import CsvFormat, TableDescriptor
from churn_model.tables.typed import as_written
from training.data.cell_options import CellOptionsOfColumn
from training.data.special_columns import is_location
from training.schema_inference.dates import infer_datetimes
from training.schema_inference.inferred_column import InferredColumn, ValueCounts
from training.schema_inference.numerical import infer_numerical
from training.schema_inference.strings import infer_strings


def infer_column(
    name: str,
    cells: pd.Series[Any],
    csv: CsvFormat,
    is_observed: bool,
    options: CellOptionsOfColumn | None = None,
) -> InferredColumn:
    """Infer a column (n,) of the labelled rows. ``is_observed``: whether the
    observation dates are known, without which dates are left out.
    """
    options = options or CellOptionsOfColumn()
    if unusable := _unusable_name(name):
        return unusable
    if cells.dtype.kind == "O" and not isinstance(cells.dtype, pd.StringDtype):
        converted = _from_objects(cells)
        if converted is None:
            return InferredColumn(reason="contains neither numbers nor strings")
        cells = converted
    if cells.dtype.kind == "b" or isinstance(cells.dtype, pd.BooleanDtype):
        counts = ValueCounts(cells)
        return counts.unusable() or InferredColumn(Column(name, "boolean", counts.required))
    if cells.dtype.kind == "m":
        return InferredColumn(reason="is a duration; convert it to a number, such as days")
    if cells.dtype.kind in "iufM":
        return _infer_typed(name, cells, is_observed, options)
    return infer_strings(name, cells, csv, is_observed, options)


def _infer_typed(
    name: str, cells: pd.Series[Any], is_observed: bool, options: CellOptionsOfColumn
) -> InferredColumn:
    """Infer from a column (n,) of numbers or datetimes."""
    kind: Kind = "date" if cells.dtype.kind == "M" else "number"
    descriptor = TableDescriptor(columns={}, missing_in={name: list(options.missing)})
    cells = as_written(cells, CellFormat.of(Column(name, kind), descriptor))
    if kind == "date":
        inferred = infer_datetimes(name, cells, is_observed)
    else:
        numbers = cells.to_numpy(np.float64, na_value=np.nan)
        inferred = ValueCounts(cells).unusable() or infer_numerical(name, numbers)
    return replace(inferred, marks=inferred.marks | {*options.missing})


def _unusable_name(name: str) -> InferredColumn | None:
    if not name or re.fullmatch(r"Unnamed: \d+", name):
        return InferredColumn(reason="has no name")
    if name in OUTPUT_COLUMNS:
        return InferredColumn(reason="has the name of an output column; rename it")
    if is_location(name):
        return InferredColumn(reason="is a location; use a region of a few dozen levels instead")
    return None


def _from_objects(cells: pd.Series[Any]) -> pd.Series[Any] | None:
    """A column of Python objects as numbers, dates or strings; None for other objects."""
    types = set(cells.dropna().map(type))
    if types <= {int, float, Decimal}:
        return cells.astype(np.float64)
    if types == {date}:
        return pd.to_datetime(cells, errors="coerce")
    if types <= {str, int, float, bool}:
        return cells.map(lambda cell: "" if pd.isna(cell) else str(cell)).astype("str")
    return None
