"""The profit of choosing a threshold, measured on customers who had no part in the choice.

The highest of many profits is too high by chance, and most of all for a weak model. The threshold
is therefore chosen again in each resample of the customers, and earns its profit on those who were
not drawn: the leave-one-out bootstrap (Efron, Tibshirani 1997, "Improvements on cross-validation:
the .632+ bootstrap method", Journal of the American Statistical Association 92).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from churn_model.arrays import Floats, Mask, Rows
from training.evaluation.intervals import resamples
from training.evaluation.thresholds import threshold_below


@dataclass(frozen=True)
class OutOfBag:
    """What each of k scores earns on average at thresholds chosen without its customer.

    ``earnings`` (k,): NaN for a customer who was drawn each time. ``error``: the standard deviation
    of the mean profit between the chosen thresholds, beyond sampling noise.
    """

    earnings: Floats
    error: float


def out_of_bag(
    probability: Floats,
    profits: Floats,
    weights: Floats,
    customers: Rows,
    *,
    lowest_threshold: float = 0.0,
    seed: int = 0,
) -> OutOfBag:
    """Choose a threshold in each resample, and measure it on the customers who were not drawn.

    ``profits`` (k,): of contacting the customer. ``customers`` (k,): a number for each score's
    customer, whose scores are drawn together.
    """
    _, customer = np.unique(customers, return_inverse=True)
    order = np.argsort(-probability, kind="stable")
    probability, customer = probability[order], customer[order]
    profits, weights = profits[order], weights[order]
    earned, times = np.zeros(len(order)), np.zeros(len(order))
    means: list[float] = []
    variances: list[float] = []
    for counts in resamples(int(customer.max()) + 1, seed):
        drawn = counts[customer]
        threshold = _best(probability, drawn * weights * profits, drawn > 0, lowest_threshold)
        left_out = drawn == 0
        earns = np.where(left_out & (probability >= threshold), profits, 0.0)
        times += left_out
        earned += earns
        if left_out.any():
            mean, variance = _mean(earns[left_out], weights[left_out])
            means.append(mean)
            variances.append(variance)
    result = np.empty(len(order))
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN
        result[order] = earned / times
    if not means:
        return OutOfBag(result, 0.0)
    return OutOfBag(result, math.sqrt(max(0.0, float(np.var(means)) - float(np.mean(variances)))))


def _mean(values: Floats, weights: Floats) -> tuple[float, float]:
    """A weighted mean, and its sampling variance."""
    total = weights.sum()
    mean = float(weights @ values / total)
    return mean, float(np.sum((weights * (values - mean)) ** 2) / total**2)


def _best(probability: Floats, profits: Floats, drawn: Mask, lowest_threshold: float) -> float:
    """The best threshold for the drawn scores, given in descending order of probability."""
    chosen = probability[drawn]
    ends = np.flatnonzero(np.append(chosen[1:] != chosen[:-1], True))
    total = np.cumsum(profits[drawn])[ends]
    lowest = np.concatenate([[np.inf], chosen[ends]])
    return best_threshold(lowest, np.concatenate([[0.0], total]), lowest_threshold)


def best_threshold(lowest: Floats, profit: Floats, lowest_threshold: float = 0.0) -> float:
    """The threshold, not below the lowest allowed one, at the maximum of a profit curve.

    ``lowest``, ``profit`` (m + 1,): see ``profit_curve``.
    """
    allowed = int(np.sum(lowest >= lowest_threshold))
    return max(threshold_below(lowest, int(np.argmax(profit[:allowed]))), lowest_threshold)
