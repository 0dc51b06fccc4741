"""What figures show of a feature's values in the training table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from churn_model.schema.column import Column


@dataclass(frozen=True)
class FeatureSummary:
    """The values of a feature.

    ``missing``: the share of rows (0..1) with a missing value. ``limits``: the lowest and the
    highest number; None for a category, and without any value. ``shares``: of each category level
    among the rows with a value (0..1).
    """

    missing: float
    limits: tuple[float, float] | None = None
    shares: Mapping[str, float] = field(default_factory=dict)


def feature_summary(column: Column, values: pd.Series[Any]) -> FeatureSummary:
    """Summarise the values (n,) of a feature in the training table."""
    missing = float(values.isna().mean())
    known = values.dropna()
    if column.kind == "category":
        shares = known.value_counts(normalize=True)
        return FeatureSummary(
            missing, shares={level: float(shares.get(level, 0.0)) for level in column.levels}
        )
    if not len(known):
        return FeatureSummary(missing)
    numbers = known.to_numpy(dtype=np.float64)
    return FeatureSummary(missing, (float(numbers.min()), float(numbers.max())))
