"""Checks that a table can be trained on, and splits it into training and held-out rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from churn_model.errors import TrainingError
from churn_model.schema import RecordSchema
from training.data.table import Table
from training.fitting.date_splits import FEWEST, DatedRows, by_date
from training.fitting.splits import Splits, by_folds

_LARGEST = 1e150


def check_labels(table: Table, folds: int) -> None:
    """Raise TrainingError unless enough customers churned, and enough stayed."""
    churned, stayed = table.customers_by_class()
    fewest = max(folds, FEWEST)
    if min(churned, stayed) < fewest:
        raise TrainingError(
            f"{table.name}: {churned} customers churned and {stayed} stayed; training needs at "
            f"least {fewest} of each. Check --target or [target], or add rows"
        )


def check_magnitude(table: Table, schema: RecordSchema) -> None:
    """Raise TrainingError for numbers whose squares are too large for a double."""
    for column in schema.features:
        if column.kind in ("integer", "number"):
            values = table.customers[column.name].to_numpy(np.float64, na_value=np.nan)
            largest = np.nanmax(np.abs(values), initial=0.0)
            if largest > _LARGEST:
                raise TrainingError(
                    f"{column.name} has values as large as {largest:.3g}, which cannot be computed "
                    "with; correct them, or leave the column out with --exclude"
                )


def splits_of(table: Table, *, folds: int, repeats: int | None, seed: int) -> Splits:
    """Splits by date if the table has dates, and folds otherwise.

    ``repeats``: see ``by_folds``. Raises TrainingError if --split-by asks for a split by date that
    is impossible.
    """
    churned, customers = table.churned, table.customers_of_rows
    note = ""
    if table.dates is not None:
        rows = DatedRows(churned, customers, table.dates, table.split_by)
        try:
            return by_date(rows, window=table.observation.window, folds=folds, seed=seed)
        except TrainingError:
            if table.split_by != table.observation.column:  # asked for by --split-by
                raise
            note = f"; the dates in {table.split_by} cover too short a time to split by"
    splits = by_folds(churned, folds=folds, repeats=repeats, seed=seed, customers=customers)
    return replace(splits, text=splits.text + note)
