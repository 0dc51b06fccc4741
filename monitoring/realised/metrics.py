"""Realised metrics with 95 % intervals, in closed form."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats
from monitoring.realised.delong import auc
from monitoring.results import NORMAL, Estimate

_EPSILON = 1e-12
_NONE_SEEN = 3.689
"""The mean of a Poisson variable that is 0 once in 40 times."""


def realised_metrics(
    churned: npt.NDArray[np.int64],
    probability: Floats,
    weights: Floats,
    customer: npt.NDArray[np.intp],
) -> dict[str, Estimate]:
    """Auc, log_loss, brier, churn_rate and calibration (observed over expected churners).

    All arguments have shape (k,), k > 0. ``customer``: a number for each customer, whose rows are
    not independent. Without customers of both classes there is no auc.
    """
    clipped = np.clip(probability, _EPSILON, 1.0 - _EPSILON)
    losses = -np.log(np.where(churned == 1, clipped, 1.0 - clipped))
    metrics = {
        "log_loss": _mean(losses, weights, customer),
        "brier": _mean((probability - churned) ** 2, weights, customer),
        "churn_rate": _churn_rate(churned, weights),
        "calibration": _calibration(churned, probability, weights, customer),
    }
    area = auc(churned, probability, weights, customer)
    return metrics if area is None else {"auc": area.estimate(NORMAL), **metrics}


def standard_error(deviations: Floats, weights: Floats, customer: npt.NDArray[np.intp]) -> float:
    """The standard error of a weighted mean, from the deviations (k,) from it."""
    _, code = np.unique(customer, return_inverse=True)
    by_customer = np.bincount(code, weights * deviations)
    return float(np.sqrt(np.sum(by_customer**2)) / weights.sum())


def _mean(values: Floats, weights: Floats, customer: npt.NDArray[np.intp]) -> Estimate:
    mean = float(np.average(values, weights=weights))
    margin = NORMAL * standard_error(values - mean, weights, customer)
    return Estimate(mean, max(0.0, mean - margin), mean + margin)


def _churn_rate(churned: npt.NDArray[np.int64], weights: Floats) -> Estimate:
    """Wilson's interval (1927, "Probable inference", Journal of the American Statistical
    Association 22) for the effective number of customers.
    """
    rate = float(np.average(churned, weights=weights))
    n = float(weights.sum() ** 2 / (weights**2).sum())
    spread = NORMAL**2 / n
    middle = (rate + spread / 2) / (1 + spread)
    margin = math.sqrt(rate * (1 - rate) * spread + spread**2 / 4) / (1 + spread)
    return Estimate(rate, max(0.0, middle - margin), min(1.0, middle + margin))


def _calibration(
    churned: npt.NDArray[np.int64],
    probability: Floats,
    weights: Floats,
    customer: npt.NDArray[np.intp],
) -> Estimate:
    """The ratio with its interval on the logarithmic scale, by the delta method."""
    expected = max(float(weights @ probability), _EPSILON)
    observed = float(weights @ churned)
    if not observed:
        return Estimate(0.0, 0.0, _NONE_SEEN * float(weights.mean()) / expected)
    ratio = observed / expected
    error = standard_error(churned - ratio * probability, weights, customer)
    error *= float(weights.sum()) / observed
    return Estimate(ratio, ratio * math.exp(-NORMAL * error), ratio * math.exp(NORMAL * error))
