"""Bootstrap confidence intervals (Efron, Tibshirani 1993, "An introduction to the bootstrap")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats

LEVEL = 0.95
_MOST_RESAMPLES, _FEWEST_RESAMPLES = 1000, 200
_DRAWS = 20_000_000  # customers in all resamples: large tables need fewer resamples


class Interval(NamedTuple):
    """A 95 % confidence interval."""

    low: float
    high: float


def resample_count(customers: int) -> int:
    """The number of resamples for n customers."""
    return int(np.clip(_DRAWS // customers, _FEWEST_RESAMPLES, _MOST_RESAMPLES))


def resamples(customers: int, seed: int) -> Iterator[Floats]:
    """How often each of n customers is drawn (n,), for each resample with replacement."""
    rng = np.random.default_rng(seed)
    for _ in range(resample_count(customers)):
        drawn = rng.integers(0, customers, customers)
        yield np.bincount(drawn, minlength=customers).astype(np.float64)


def standard_error(deviations: Floats, weights: Floats, customers: npt.NDArray[np.intp]) -> float:
    """The standard error of a weighted mean of scores (k,), given their deviations from it.

    ``customers`` (k,): a number for each score's customer, whose scores are not independent.
    """
    by_customer = np.bincount(customers, weights * deviations)
    return float(np.sqrt(np.sum(by_customer**2)) / weights.sum())


def percentile(values: Floats) -> Interval:
    """The percentile interval of a statistic, given its values over the resamples."""
    low, high = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def noise_corrected(values: Floats, noise: float) -> Interval:
    """The percentile interval of a statistic that sampling noise biases upwards.

    Calibration error is one. ``noise``: the statistic's value for a true value of 0. Noise adds in
    squares: once in the sample and once more in each resample. The lower end is corrected for both.
    The upper end is corrected for the resample's only, because a sample with little noise must not
    make a model look perfectly calibrated.
    """
    low, high = (np.sqrt(np.maximum(0.0, values**2 - k * noise**2)) for k in (2.0, 1.0))
    return Interval(percentile(low).low, percentile(high).high)
