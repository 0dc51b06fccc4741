"""Metrics that a score histogram leads one to expect, with their gradients.

For each metric: its value if ``churners`` (BINS,) of the ``customers`` (BINS,) churn, and its
derivative with respect to each bin's churners (BINS,), from which the intervals are computed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from churn_model.arrays import Floats
from churn_model.profile.score_bins import LOG_ODDS, PROBABILITY


class Metric(NamedTuple):
    """A metric's value, and its derivative with respect to each bin's churners (BINS,)."""

    value: float
    gradient: Floats


LOSS_OF_CHURNER: Floats = np.logaddexp(0.0, -LOG_ODDS)
LOSS_OF_STAYER: Floats = np.logaddexp(0.0, LOG_ODDS)
"""The log loss of a customer in each bin (BINS,), in nats."""


def expected_metrics(customers: Floats, churners: Floats) -> dict[str, Metric]:
    """AUC, log loss, Brier score, churn rate and calibration (churners over predicted ones).

    There must be customers, and both churners and others among them.
    """
    n = customers.sum()
    return {
        "auc": _auc(customers, churners),
        "log_loss": _mean(customers, churners, LOSS_OF_CHURNER, LOSS_OF_STAYER),
        "brier": _mean(customers, churners, (1.0 - PROBABILITY) ** 2, PROBABILITY**2),
        "churn_rate": Metric(float(churners.sum() / n), np.ones_like(churners) / n),
        "calibration": _calibration(customers, churners),
    }


def _mean(customers: Floats, churners: Floats, of_churner: Floats, of_stayer: Floats) -> Metric:
    n = customers.sum()
    value = churners @ of_churner + (customers - churners) @ of_stayer
    return Metric(float(value / n), (of_churner - of_stayer) / n)


def _calibration(customers: Floats, churners: Floats) -> Metric:
    predicted = customers @ PROBABILITY
    return Metric(float(churners.sum() / predicted), np.ones_like(churners) / predicted)


def _auc(customers: Floats, churners: Floats) -> Metric:
    """The share of pairs of a churner and another customer in which the churner scores higher.

    Two customers of one bin count half.
    """
    stayers = customers - churners
    positives, negatives = churners.sum(), stayers.sum()
    stayers_below = np.cumsum(stayers) - stayers / 2
    churners_above = positives - np.cumsum(churners) + churners / 2
    auc = churners @ stayers_below / (positives * negatives)
    gradient = (stayers_below - churners_above) / (positives * negatives)
    return Metric(float(auc), gradient - auc / positives + auc / negatives)
