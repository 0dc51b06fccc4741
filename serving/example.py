"""A customer to try a model with."""

from __future__ import annotations

from typing import Any

from churn_model.column import Column
from churn_model.scoring import Scorer


def example(scorer: Scorer) -> dict[str, Any]:
    """A customer in the middle of the training table."""
    profile = scorer.scorecard.profile.features
    values: dict[str, Any] = {}
    for column in scorer.schema:
        known = profile.get(column.name)
        if column.kind == "identifier":
            values[column.name] = "C-1001"
        elif column.kind == "category":
            values[column.name] = column.choices[0]
        else:
            middle = (
                known.quantiles[len(known.quantiles) // 2] if known and known.quantiles else 1.0
            )
            values[column.name] = _typed(column, middle)
    return values


def _typed(column: Column, value: float) -> Any:
    if column.kind == "boolean":
        return value >= 0.5
    return round(value) if column.kind == "integer" else round(value, 2)
