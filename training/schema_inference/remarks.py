"""Remarks on a proposed schema: what the user should check before training with it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from churn_model.schema.column import Column
from churn_model.tables.cell_format import NUMERICAL
from churn_model.tables.missing_values import PANDAS_MISSING
from training.data.protected_attributes import protected_attributes
from training.schema_inference.sentinels import NEGATIVE_SENTINELS, sentinel_remarks

_MAX_NEGATIVES = 0.05  # share of negative numbers up to which they may be mistakes


def remarks(
    raw: pd.DataFrame, columns: Sequence[Column], parsed: pd.DataFrame, identifier: str
) -> Iterator[str]:
    """Remarks on the columns of a proposed schema, and on the table's rows.

    ``raw``: the table as it was read. ``parsed``: the values of some of its rows.
    """
    if identifier:
        yield from _identifier_remarks(raw[identifier])
    yield from _copies(raw)
    yield from _protected(columns)
    for column in columns:
        yield from _read_as_missing(column)
        if column.kind != "identifier":
            yield from sentinel_remarks(column, parsed[column.name])
        if column.kind in NUMERICAL:
            yield from _negatives(column, parsed[column.name])


def _identifier_remarks(cells: pd.Series[Any]) -> Iterator[str]:
    if pd.api.types.is_numeric_dtype(cells):
        yield f"{cells.name}: contains numbers; identifiers must be strings when you score"
    repeated = int(cells.duplicated().sum())
    if repeated:
        yield f"{repeated:,} rows repeat the identifier of an earlier row"


def _copies(raw: pd.DataFrame) -> Iterator[str]:
    try:
        copies = int(raw.duplicated().sum())
    except TypeError:  # unhashable cells
        return
    if copies:
        yield f"{copies:,} rows are copies of other rows; they are on the same side of every split"


def _protected(columns: Sequence[Column]) -> Iterator[str]:
    features = [column.name for column in columns if column.kind != "identifier"]
    for name, attribute in protected_attributes(features).items():
        yield (
            f"{name} looks like an attribute protected by law ({attribute}). Leave it out with "
            f"--exclude {shlex.quote(name)} unless you are allowed to use it"
        )


def _read_as_missing(column: Column) -> Iterator[str]:
    levels = sorted(PANDAS_MISSING & set(column.levels))
    if levels:
        yield (
            f"{column.name}: {levels[0]!r} is a category level, and pandas.read_csv reads it as "
            'missing; pass keep_default_na=False, na_values=[""]'
        )


def _negatives(column: Column, numbers: pd.Series[Any]) -> Iterator[str]:
    negative = numbers < 0
    if set(numbers[negative]) <= NEGATIVE_SENTINELS and len(set(numbers[negative])) <= 1:
        return
    if 0 < negative.sum() < _MAX_NEGATIVES * len(numbers):
        count = int(negative.sum())
        values = "1 value is" if count == 1 else f"{count:,} values are"
        yield (
            f"{column.name}: {values} below 0; if that is a mistake, give the field a minimum of 0 "
            "in the schema, so that such rows are rejected"
        )
