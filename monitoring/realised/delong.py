"""AUC and its variance.

DeLong, DeLong, Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver
operating characteristic curves", Biometrics 44; several rows of a customer are added up as in
Obuchowski 1997, "Nonparametric analysis of clustered ROC curve data", Biometrics 53.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats
from monitoring.results import Estimate


class Auc(NamedTuple):
    """``value`` in 0..1, and ``error``, the standard error of its log-odds."""

    value: float
    error: float

    def estimate(self, errors: float) -> Estimate:
        """With an interval of so many standard errors on the log-odds scale."""
        inner = min(max(self.value, 1e-9), 1 - 1e-9)
        middle, margin = math.log(inner / (1 - inner)), errors * self.error
        low, high = (1 / (1 + math.exp(-x)) for x in (middle - margin, middle + margin))
        return Estimate(self.value, min(low, self.value), max(high, self.value))


def auc(
    churned: npt.NDArray[np.int64],
    probability: Floats,
    weights: Floats,
    customer: npt.NDArray[np.intp],
) -> Auc | None:
    """The weighted AUC of k rows; None unless there are customers of both classes."""
    of_churners, of_stayers = weights * (churned == 1), weights * (churned == 0)
    positives, negatives = float(of_churners.sum()), float(of_stayers.sum())
    if not positives or not negatives:
        return None
    below = _share_below(probability, of_stayers) / negatives
    above = 1.0 - _share_below(probability, of_churners) / positives
    value = float(of_churners @ below / positives)
    influence = np.where(
        churned == 1,
        of_churners * (below - value) / positives,
        of_stayers * (above - value) / negatives,
    )
    _, code = np.unique(customer, return_inverse=True)
    variance = float(np.sum(np.bincount(code, influence) ** 2))
    return Auc(value, _log_odds_error(value, variance, positives, negatives))


def _share_below(probability: Floats, weights: Floats) -> Floats:
    """For each row (k,), the weight of the rows with lower probabilities; equal ones count half."""
    _, rank = np.unique(probability, return_inverse=True)
    by_rank = np.bincount(rank, weights)
    below: Floats = (np.cumsum(by_rank) - by_rank / 2)[rank]
    return below


def _log_odds_error(value: float, variance: float, positives: float, negatives: float) -> float:
    """A perfect order has no variance in the sample; then that of half a wrong pair counts."""
    smallest = 0.5 / (positives * negatives + 1)
    inner = min(max(value, smallest), 1 - smallest)
    if variance <= 0:
        variance = inner * (1 - inner) / min(positives, negatives)
    return math.sqrt(variance) / (inner * (1 - inner))
