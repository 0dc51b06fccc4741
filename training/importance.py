"""How much each term of a scorecard moves the risk."""

from __future__ import annotations

import numpy as np
import pandas as pd

from churn_model.schema import RecordSchema
from churn_model.scorecard import Scorecard
from churn_model.scoring import Scorer
from churn_model.validation import check_frame

_MOST_ROWS = 50_000


def importances(card: Scorecard, schema: RecordSchema, customers: pd.DataFrame) -> dict[str, float]:
    """Each feature's mean absolute effect on the log-odds, the largest first.

    Over n customers (the first 50,000 suffice); a pair's effect is split between its two.
    """
    checked = check_frame(customers.head(_MOST_ROWS), schema)
    effects = np.abs(Scorer(card, schema).lookup.effects(checked.values)).mean(axis=0)
    found = zip((feature.name for feature in card.features), effects.tolist(), strict=True)
    return dict(sorted(found, key=lambda item: -item[1]))
