"""Performance before labels: confidence-based estimation from the score histogram (CBPE).

The scores of a window and the calibration of the held-out scores give the churners to expect in
each bin, and thus every metric. All of this assumes that customers with the same features still
churn as often as in training: a changed relation between features and churn is invisible here, and
only labels show it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from churn_model.arrays import Floats, sigmoid
from churn_model.offer import Offer
from churn_model.profile import CellCounts, MonitoringProfile
from churn_model.scoring.scorecard import Scorecard
from monitoring.estimation.calibration_map import DESIGN, CalibrationMap, fit_calibration
from monitoring.estimation.cell_offsets import CellErrors, Offset, cell_errors, window_offset
from monitoring.estimation.expected_metrics import (
    LOSS_OF_CHURNER,
    LOSS_OF_STAYER,
    Metric,
    expected_metrics,
)
from monitoring.results import NORMAL, Estimate

_RANGES = {"auc": (0.0, 1.0), "churn_rate": (0.0, 1.0), "brier": (0.0, 1.0)}


@dataclass(frozen=True)
class Estimator:
    """Estimates the performance of a version on any customers; its calibration is fitted once."""

    calibration: CalibrationMap
    errors: Mapping[int, CellErrors]
    offer: Offer | None

    @classmethod
    def of(cls, profile: MonitoringProfile, scorecard: Scorecard) -> Estimator:
        """The estimator of a version."""
        offer = None if scorecard.campaign is None else scorecard.campaign.offer
        return cls(fit_calibration(profile), cell_errors(profile), offer)

    def estimate(self, counts: CellCounts) -> dict[str, Estimate]:
        """The metrics to expect of these customers, as the function ``estimate`` describes."""
        if not counts.scored:
            return {}
        offset = window_offset(counts, self.errors)
        churn_rate = sigmoid(self.calibration.log_odds() + offset.value)
        churners = counts.scores * churn_rate
        estimates = {
            name: _with_interval(name, metric, counts.scores, churn_rate, self.calibration, offset)
            for name, metric in expected_metrics(counts.scores, churners).items()
        }
        if self.offer is not None and counts.with_revenue.any():
            profit = _profit(self.offer, counts, churn_rate)
            estimates["profit"] = _with_interval(
                "profit", profit, counts.with_revenue, churn_rate, self.calibration, offset
            )
        return estimates


def estimate(
    counts: CellCounts, profile: MonitoringProfile, scorecard: Scorecard
) -> dict[str, Estimate]:
    """The metrics to expect of these customers: auc, log_loss, brier, churn_rate, calibration.

    With a campaign also profit, per contacted customer. The 95 % intervals cover the value that
    labels would show: they include the noise of the labels of so many customers, and the
    uncertainty of the calibration. If the counts have no terms, only the scores are used. Empty
    without customers.
    """
    return Estimator.of(profile, scorecard).estimate(counts)


def reference_estimates(profile: MonitoringProfile, scorecard: Scorecard) -> dict[str, Estimate]:
    """The metrics to expect of the held-out customers of training; without the profit."""
    rows = np.array(profile.scores.rows)
    if not rows.sum():
        return {}
    scores = rows * (profile.held_out_customers / rows.sum())
    return estimate(CellCounts(scores=scores), profile, scorecard)


def expected_losses(profile: MonitoringProfile) -> Floats:
    """The log loss to expect of a customer in each score bin (BINS,)."""
    churn_rate = sigmoid(fit_calibration(profile).log_odds())
    losses: Floats = churn_rate * LOSS_OF_CHURNER + (1.0 - churn_rate) * LOSS_OF_STAYER
    return losses


def _profit(offer: Offer, counts: CellCounts, churn_rate: Floats) -> Metric:
    """The campaign's profit per contacted customer whose revenue is known."""
    contacted = counts.with_revenue
    revenue = np.divide(
        counts.revenue, contacted, out=np.zeros_like(contacted), where=contacted > 0
    )
    certain, none = np.ones_like(revenue), np.zeros_like(revenue)
    of_churner = offer.expected_profit(certain, revenue)
    of_stayer = offer.expected_profit(none, revenue)
    profits = churn_rate * of_churner + (1.0 - churn_rate) * of_stayer
    n = contacted.sum()
    return Metric(float(contacted @ profits / n), (of_churner - of_stayer) / n)


def _with_interval(
    name: str,
    metric: Metric,
    customers: Floats,
    churn_rate: Floats,
    calibration: CalibrationMap,
    offset: Offset,
) -> Estimate:
    """The delta method: variances of labels, calibration and offset, times squared gradients."""
    label_variance = customers * churn_rate * (1.0 - churn_rate)  # per bin
    slopes = metric.gradient * label_variance  # of the metric, by the log-odds of each bin
    by_coefficient = slopes @ DESIGN
    variance = (
        metric.gradient**2 @ label_variance
        + by_coefficient @ calibration.covariance @ by_coefficient
        + slopes.sum() ** 2 * offset.variance
    )
    margin = NORMAL * math.sqrt(max(0.0, float(variance)))
    low, high = _RANGES.get(name, (-math.inf, math.inf))
    value = metric.value
    return Estimate(value, max(low, value - margin), min(high, value + margin))
