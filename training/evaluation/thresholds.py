"""Thresholds: half-way between the last customer to contact and the next one."""

from __future__ import annotations

import numpy as np

from churn_model.arrays import Floats
from training.evaluation.metrics import rank_descending


def threshold_below(lowest: Floats, position: int) -> float:
    """The threshold that contacts the customers up to a position of a curve, and no others.

    ``lowest`` (m + 1,): the lowest probability contacted at each point, from nobody (infinite) to
    everybody. 1 for nobody, 0 for everybody.
    """
    if position == 0:
        return 1.0
    if position == len(lowest) - 1:
        return 0.0
    return float((lowest[position] + lowest[position + 1]) / 2)


def threshold_of_share(probability: Floats, weights: Floats, share: float) -> float:
    """The lowest threshold that contacts at most this share (0..1) of the scores (k,).

    Equal probabilities are contacted together, or not at all.
    """
    order, ends = rank_descending(probability)
    contacted = np.cumsum(weights[order])[ends] / weights.sum()
    lowest = np.concatenate([[np.inf], probability[order][ends]])
    return threshold_below(lowest, int(np.searchsorted(contacted, share, side="right")))
