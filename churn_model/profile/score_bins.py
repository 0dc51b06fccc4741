"""Bins of scores: log-odds in steps of 0.1, the same for all models.

They must not change: profiles and logs that were written earlier are counted in them.

Within a bin probabilities differ by at most a tenth, so metrics that are computed from a histogram
of scores agree with those computed from the scores themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats, sigmoid

STEP, LIMIT = 0.1, 10.0
"""Width of a bin, and the absolute log-odds from which scores share one bin."""

_EDGES = np.round(np.arange(-LIMIT, LIMIT + STEP / 2, STEP), 1)
BINS = len(_EDGES) + 1
"""The number of bins (201 edges give 202)."""


_PROBABILITY_EDGES = sigmoid(_EDGES)

LOG_ODDS: Floats = np.round(np.arange(BINS) * STEP - LIMIT - STEP / 2, 2)
"""The log-odds at the middle of each bin (BINS,)."""

PROBABILITY: Floats = sigmoid(LOG_ODDS)
"""The probability at the middle of each bin (BINS,)."""


def score_bins(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """The bins (n,) of probabilities (n,) in 0..1."""
    return np.searchsorted(_PROBABILITY_EDGES, probability, side="right")


def count_scores(probability: Floats, weights: Any = None) -> Floats:
    """The histogram (BINS,) of probabilities (n,), each counted once or by its weight."""
    counts: Floats = np.bincount(score_bins(probability), weights, BINS).astype(np.float64)
    return counts
