"""An example customer for a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from churn_model.dates import iso_dates, scoring_day
from churn_model.schema.column import Column
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import FeatureProfile


def example_customer(scorer: Scorer) -> dict[str, Any]:
    """A customer with the most typical values of the training table."""
    profile = scorer.scorecard.profile.features
    return {
        column.name: _typical_value(column, profile.get(column.name, FeatureProfile(missing=0.0)))
        for column in scorer.schema
    }


def _typical_value(column: Column, profile: FeatureProfile) -> Any:
    if column.kind == "identifier":
        return "C-1001"
    if column.kind == "category":
        return max(column.levels, key=lambda level: profile.shares.get(level, 0.0))
    value = profile.quantiles[len(profile.quantiles) // 2] if profile.quantiles else 1.0
    if column.kind == "date":
        return iso_dates(np.array([scoring_day(None) - round(value)]))[0]
    if column.kind == "boolean":
        return value >= 0.5
    return round(value) if column.kind == "integer" else round(value, 2)
