"""The churn rate to expect for a score, from the held-out scores of training.

Logistic recalibration (Cox 1958, "Two further applications of a model for binary regression",
Biometrika 45): the true log-odds are a line of the predicted ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_model.arrays import Floats, sigmoid
from churn_model.profile import MonitoringProfile
from churn_model.profile.score_bins import LOG_ODDS

_PRIOR_MEAN = np.array([0.0, 1.0])
_PRIOR_PRECISION = np.array([1.0, 1.0])
"""Of intercept and slope: weak, so that they are finite if nobody or everybody churned."""

_STEPS, _CONVERGED = 50, 1e-10


@dataclass(frozen=True)
class CalibrationMap:
    """The true log-odds are ``design @ coefficients``, with covariance (2, 2) of the estimates."""

    coefficients: Floats
    covariance: Floats

    def log_odds(self) -> Floats:
        """The calibrated log-odds of each score bin (BINS,)."""
        calibrated: Floats = DESIGN @ self.coefficients
        return calibrated


DESIGN: Floats = np.column_stack([np.ones_like(LOG_ODDS), LOG_ODDS])
"""Intercept and predicted log-odds of each score bin (BINS, 2)."""


def fit_calibration(profile: MonitoringProfile) -> CalibrationMap:
    """Fit the calibration to the held-out scores, by Newton's method."""
    rows, churners = np.array(profile.scores.rows), np.array(profile.scores.churners)
    scale = profile.held_out_customers / rows.sum() if rows.sum() else 0.0
    rows, churners = rows * scale, np.minimum(churners, rows) * scale
    coefficients = _PRIOR_MEAN.copy()
    for _ in range(_STEPS):
        expected = sigmoid(DESIGN @ coefficients)
        curvature = rows * expected * (1.0 - expected)
        information = DESIGN.T @ (curvature[:, None] * DESIGN) + np.diag(_PRIOR_PRECISION)
        gradient = DESIGN.T @ (churners - rows * expected)
        gradient -= _PRIOR_PRECISION * (coefficients - _PRIOR_MEAN)
        step = np.clip(np.linalg.solve(information, gradient), -1.0, 1.0)
        coefficients = coefficients + step
        if np.abs(step).max() < _CONVERGED:
            break
    return CalibrationMap(coefficients, np.linalg.inv(information))
