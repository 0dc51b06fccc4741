"""Whether predicted and observed churn rates agree: in total, in spread, and bin by bin.

Total and spread are those of logistic recalibration (Cox 1958, "Two further applications of a model
for binary regression", Biometrika 45). Intervals are 95 % and robust against several rows of a
customer (Liang, Zeger 1986, "Longitudinal data analysis using generalized linear models",
Biometrika 73).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import t as student_t

from churn_model.arrays import Floats
from training.evaluation.intervals import Interval, standard_error
from training.evaluation.metrics import Labels, RankedScores

_SMALLEST = 1e-12
_STEPS, _CONVERGED = 30, 1e-9
_MOST = 99.0
"""The largest factor; MLflow stores no infinity."""

UNKNOWN = Interval(-np.inf, np.inf)


@dataclass(frozen=True)
class Calibration:
    """How well probabilities are calibrated.

    ``error``: the calibration error. ``excess``: the part of it that sampling noise does not
    explain. ``ratio``: the observed number of churners over the expected one. ``slope``: of the
    observed log-odds on the predicted ones; below 1 the probabilities are too extreme, above 1 too
    similar. Both are 1 for a perfect model. The slope of equal probabilities is unknown: NaN.
    """

    error: float
    excess: float
    ratio: float
    ratio_interval: Interval
    slope: float
    slope_interval: Interval

    def gate_values(self) -> dict[str, float]:
        """The values that gates check: 0 for the error, and 1 for ratio and slope, are perfect.

        Ratio and slope enter as the factor by which they differ from 1 at the nearer end of their
        interval, and the error as far as it exceeds sampling noise, so that a perfect model passes
        however few customers there are.
        """
        return {
            "calibration_error": self.excess,
            "observed_expected": _factor(self.ratio_interval),
            "calibration_slope": _factor(self.slope_interval),
        }

    def gate_values_against(self, champion: Calibration) -> dict[str, float]:
        """The values of a challenger: perfect wherever the champion is calibrated worse."""
        own, other = self._distances(), champion._distances()
        perfect = {"calibration_error": 0.0, "observed_expected": 1.0, "calibration_slope": 1.0}
        return {
            name: value if own[name] > other[name] else perfect[name]
            for name, value in self.gate_values().items()
        }

    def _distances(self) -> dict[str, float]:
        """The distances of the estimates from a perfect model's."""
        return {
            "calibration_error": self.error,
            "observed_expected": _factor(Interval(self.ratio, self.ratio)),
            "calibration_slope": _factor(Interval(self.slope, self.slope)),
        }


def calibration(
    churned: Labels, probability: Floats, weights: Floats, customers: npt.NDArray[np.intp]
) -> Calibration:
    """The calibration of probabilities (n,) in 0..1, given labels (n,) of both classes.

    ``customers`` (n,): a number for each row's customer, whose rows are not independent.
    """
    ranked = RankedScores(churned, probability)
    errors = _standard_errors(churned, customers)
    ratio, ratio_error = _log_ratio(churned, probability, weights, customers)
    slope, slope_error = _slope(churned, probability, weights, customers)
    return Calibration(
        error=ranked.calibration_error(weights),
        excess=ranked.calibration_excess(weights, customers),
        ratio=float(np.exp(ratio)),
        ratio_interval=Interval(
            float(np.exp(ratio - errors * ratio_error)), float(np.exp(ratio + errors * ratio_error))
        ),
        slope=slope,
        slope_interval=Interval(slope - errors * slope_error, slope + errors * slope_error)
        if np.isfinite(slope)
        else UNKNOWN,
    )


def _factor(interval: Interval) -> float:
    """By which factor all numbers of an interval differ from 1 at least; 1 if 1 is in it."""
    if interval.high <= 0:
        return _MOST
    return float(np.clip(max(interval.low, 1.0 / interval.high), 1.0, _MOST))


def _standard_errors(churned: Labels, customers: npt.NDArray[np.intp]) -> float:
    """The standard errors of a 95 % interval; more if few customers of a class are known."""
    fewest = min(len(np.unique(customers[churned == label])) for label in (0, 1))
    return float(student_t.ppf(0.975, df=max(fewest - 1, 1)))


def _log_ratio(
    churned: Labels, probability: Floats, weights: Floats, customers: npt.NDArray[np.intp]
) -> tuple[float, float]:
    """The logarithm of the ratio, and its standard error by the delta method."""
    observed = float(np.average(churned, weights=weights))
    ratio = observed / max(float(np.average(probability, weights=weights)), _SMALLEST)
    deviations = churned - ratio * probability
    return float(np.log(ratio)), standard_error(deviations, weights, customers) / observed


def _slope(
    churned: Labels, probability: Floats, weights: Floats, customers: npt.NDArray[np.intp]
) -> tuple[float, float]:
    """The slope of a logistic regression on the log-odds, and its standard error.

    By Newton's method; NaN if there is none. The error is the larger of the robust one and that of
    independent rows, because the robust one is too small with few churners.
    """
    clipped = np.clip(probability, _SMALLEST, 1.0 - _SMALLEST)
    design = np.column_stack([np.ones(len(churned)), logit(clipped)])
    coefficients = np.array([logit(np.average(churned, weights=weights)), 0.0])
    for _ in range(_STEPS):
        fitted = expit(design @ coefficients)
        scores = (weights * (churned - fitted))[:, None] * design
        information = design.T @ ((weights * fitted * (1.0 - fitted))[:, None] * design)
        if np.linalg.cond(information) > 1.0 / _SMALLEST:  # all log-odds are equal
            break
        step = np.linalg.solve(information, scores.sum(axis=0))
        coefficients = coefficients + step
        if np.abs(step).max() < _CONVERGED:
            inverse = np.linalg.inv(information)
            by_customer = np.column_stack([np.bincount(customers, score) for score in scores.T])
            robust = inverse @ (by_customer.T @ by_customer) @ inverse
            # as if the weights were scaled to the number of customers
            scale = len(np.unique(customers)) / weights.sum()
            variance = max(robust[1, 1], inverse[1, 1] / scale)
            return float(coefficients[1]), float(np.sqrt(variance))
    return float("nan"), float("nan")
