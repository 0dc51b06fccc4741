"""How much each feature of a scorecard moves the predicted risk."""

from __future__ import annotations

import pandas as pd

from churn_model.arrays import Floats
from churn_model.schema import RecordSchema
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import Scorecard

_MOST_ROWS = 50_000


def importances(
    scorecard: Scorecard, schema: RecordSchema, customers: pd.DataFrame, weights: Floats
) -> dict[str, float]:
    """Each feature's mean absolute effect on the log-odds, largest first.

    The mean is over the first 50,000 customers, of whom each has a weight (n,). A pair's effect is
    split evenly between its two features.
    """
    effects = Scorer(scorecard, schema).effects(customers.head(_MOST_ROWS)).abs()
    if (weights != 1).any():
        factors = weights[:_MOST_ROWS] / weights[:_MOST_ROWS].mean()
        effects = effects.mul(factors, axis=0)
    strongest = effects.mean().sort_values(ascending=False, kind="stable")
    return dict(zip(map(str, strongest.index), strongest.tolist(), strict=True))
