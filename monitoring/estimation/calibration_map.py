"""The churn rate to expect for a score, from the held-out scores of training.

Logistic recalibration (Cox 1958, "Two further applications of a model for binary regression",
Biometrika 45): the true log-odds are a line of the predicted ones. Its slope is shrunk towards 1,
that of a calibrated model, by as much as sampling noise explains (van Houwelingen and le Cessie
1990, "Predictive value of statistical models", Statistics in Medicine 9). Most models are
calibrated, and then a slope that follows the noise estimates worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_model.arrays import Floats, sigmoid
from churn_model.profile import MonitoringProfile
from churn_model.profile.score_bins import LOG_ODDS

_CALIBRATED = np.array([0.0, 1.0])
"""Intercept and slope of a calibrated model."""

_PRECISION = 1.0
"""Of what is assumed about intercept and slope before anything is known: weak, so that they are
finite if nobody or everybody churned."""

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
    """Fit the calibration to the held-out scores."""
    rows, churners = np.array(profile.scores.rows), np.array(profile.scores.churners)
    scale = profile.held_out_customers / rows.sum() if rows.sum() else 0.0
    rows, churners = rows * scale, np.minimum(churners, rows) * scale
    free, covariance = _fit(DESIGN, rows, churners, _CALIBRATED)
    slope = _shrunk_slope(float(free[1]), float(covariance[1, 1]))
    intercept, _ = _fit(DESIGN[:, :1], rows, churners, _CALIBRATED[:1], slope * LOG_ODDS)
    return CalibrationMap(np.array([intercept[0], slope]), covariance)


def _shrunk_slope(slope: float, variance: float) -> float:
    """The slope, shrunk towards 1, which is the slope of a calibrated model."""
    chi_squared = max((slope - 1.0) ** 2 / variance, 1.0)
    return 1.0 + (1.0 - 1.0 / chi_squared) * (slope - 1.0)


def _fit(
    design: Floats, rows: Floats, churners: Floats, prior: Floats, offset: Floats | float = 0.0
) -> tuple[Floats, Floats]:
    """The coefficients (k,) of a logistic regression by Newton's method, and their covariance.

    ``design`` (BINS, k), ``rows`` (BINS,), ``churners`` (BINS,). ``prior`` (k,): the mean of the
    coefficients before anything is known. ``offset``: of the log-odds, in each bin (BINS,).
    """
    coefficients = prior.copy()
    for _ in range(_STEPS):
        expected = sigmoid(design @ coefficients + offset)
        curvature = rows * expected * (1.0 - expected)
        information = design.T @ (curvature[:, None] * design) + _PRECISION * np.eye(len(prior))
        gradient = design.T @ (churners - rows * expected) - _PRECISION * (coefficients - prior)
        step = np.clip(np.linalg.solve(information, gradient), -1.0, 1.0)
        coefficients = coefficients + step
        if np.abs(step).max() < _CONVERGED:
            break
    return coefficients, np.linalg.inv(information).astype(np.float64)
