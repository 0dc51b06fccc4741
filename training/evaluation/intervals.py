"""Bootstrap confidence intervals (Efron, Tibshirani 1993, "An introduction to the bootstrap")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.evaluation.metrics import Floats

LEVEL = 0.95
_MOST, _LEAST = 1000, 200  # resamples
_WORK = 20_000_000  # customers drawn in all: a narrow interval needs fewer resamples


class Interval(NamedTuple):
    """The range that holds the true value in 95 of 100 samples."""

    low: float
    high: float


def resamples(customers: int, seed: int) -> Iterator[Floats]:
    """How often each of n customers was drawn (n,), for each resample with replacement."""
    rng = np.random.default_rng(seed)
    for _ in range(int(np.clip(_WORK // customers, _LEAST, _MOST))):
        drawn = rng.integers(0, customers, customers)
        yield np.bincount(drawn, minlength=customers).astype(np.float64)


def standard_error(deviations: Floats, weights: Floats, rows: npt.NDArray[np.intp]) -> float:
    """Of a weighted mean over scores (k,), given how far each is from it.

    ``rows`` (k,): whose score it is; the scores of one customer are not independent.
    """
    of_customers = np.bincount(rows, weights * deviations)
    return float(np.sqrt(np.sum(of_customers**2)) / weights.sum())


def percentile(values: Floats) -> Interval:
    """The middle 95 % of a figure's values over the resamples."""
    low, high = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def without_noise(values: Floats, noise: float) -> Interval:
    """The interval of a figure that noise can only make larger, as a calibration error's does.

    ``noise``: what chance alone makes of a true value of 0. The sample has it once and a resample
    twice, added to the true value as the sides of a right angle are. The lower end is freed of
    both, the upper end of the resample's only: a lucky sample must not pass for a perfect one.
    """
    low, high = (np.sqrt(np.maximum(0.0, values**2 - k * noise**2)) for k in (2.0, 1.0))
    return Interval(percentile(low).low, percentile(high).high)
