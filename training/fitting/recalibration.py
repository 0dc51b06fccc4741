"""Recalibration: a new intercept and slope for the log-odds of a fitted scorecard.

Logistic recalibration (Cox 1958, "Two further applications of a model for binary regression",
Biometrika 45): ``logit p' = intercept + slope * logit p``. It corrects probabilities that are too
high, too low or too extreme, keeps the order of the customers, and needs far fewer labels than a
new model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from churn_model.arrays import Floats
from churn_model.errors import TrainingError
from churn_model.scoring.scorecard import Scorecard

_SMALLEST = 1e-12


@dataclass(frozen=True)
class Recalibration:
    """``intercept`` is added to ``slope`` times the log-odds; 0 and 1 change nothing."""

    intercept: float
    slope: float

    def apply(self, scorecard: Scorecard) -> Scorecard:
        """The recalibrated scorecard; its tables are multiplied by the slope."""
        terms = [
            term.model_copy(update={"scores": [self.slope * score for score in term.scores]})
            for term in scorecard.terms
        ]
        intercept = self.intercept + self.slope * scorecard.intercept
        return scorecard.model_copy(update={"intercept": intercept, "terms": terms})


def fit_recalibration(
    churned: npt.NDArray[np.int64], probability: Floats, weights: Floats
) -> Recalibration:
    """Fit on labels (n,) of both classes, probabilities (n,) in 0..1 and weights (n,).

    Raises TrainingError if customers with higher probabilities do not churn more often.
    """
    log_odds = logit(np.clip(probability, _SMALLEST, 1.0 - _SMALLEST)).reshape(-1, 1)
    model = LogisticRegression(C=np.inf, max_iter=1000)
    model.fit(log_odds, churned, sample_weight=weights)
    slope = float(model.coef_[0, 0])
    if not slope > 0:
        raise TrainingError(
            f"customers with a higher predicted risk do not churn more often (slope {slope:.2f}), "
            "so recalibration cannot help; train again"
        )
    return Recalibration(float(model.intercept_[0]), slope)
