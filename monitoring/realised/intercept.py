"""The intercept that makes the mean probability equal to the churn rate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats, sigmoid

_STEPS, _CONVERGED = 50, 1e-10
_PRECISION = 0.1  # of a normal prior, so that it is finite if nobody or everybody churned


def fit_intercept(log_odds: Floats, churned: npt.NDArray[np.int64]) -> float:
    """What to add to the log-odds (k,), given labels (k,); by Newton's method."""
    intercept = 0.0
    for _ in range(_STEPS):
        expected = sigmoid(log_odds + intercept)
        information = float((expected * (1.0 - expected)).sum()) + _PRECISION
        gradient = float((churned - expected).sum()) - _PRECISION * intercept
        step = min(max(gradient / information, -1.0), 1.0)
        intercept += step
        if abs(step) < _CONVERGED:
            break
    return intercept
