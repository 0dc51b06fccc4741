"""A lower bound of a mean that holds at all times at once.

The predictable plug-in empirical-Bernstein confidence sequence (Waudby-Smith, Ramdas 2020,
"Estimating means of bounded random variables by betting", arXiv 2010.09686, theorem 2), one-sided.
Looking at it after each observation, and stopping whenever one likes, does not raise its error.
"""

from __future__ import annotations

import math

import numpy as np

from churn_model.arrays import Floats

_MOST = 0.5
"""The largest bet; any number below 1 keeps the error level."""


def lower_bounds(values: Floats, error: float) -> Floats:
    """Lower bounds (n,) of the mean of values (n,) in 0..1, after each of them.

    The probability that any of them is above the mean is at most ``error``. If the mean changes
    over time, the bounds are those of a weighted mean so far.
    """
    n = np.arange(1, len(values) + 1)
    mean = (0.5 + np.cumsum(values)) / (n + 1)
    mean_before = np.concatenate([[0.5], mean[:-1]])
    variance = (0.25 + np.cumsum((values - mean) ** 2)) / (n + 1)
    variance_before = np.concatenate([[0.25], variance[:-1]])
    log_error = math.log(1.0 / error)
    bets = np.sqrt(2.0 * log_error / (variance_before * n * np.log1p(n)))
    bets = np.minimum(bets, _MOST)
    losses = (values - mean_before) ** 2 * (-np.log1p(-bets) - bets)
    total = np.cumsum(bets)
    bounds: Floats = (np.cumsum(bets * values) - log_error - np.cumsum(losses)) / total
    return bounds
