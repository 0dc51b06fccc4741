"""Metrics of churn probabilities, for any weighting of the customers.

The customers are sorted once. Each weighting is then measured in linear time, which makes a
thousand bootstrap resamples affordable. AUC, average precision, log loss and Brier score equal
those of scikit-learn; a test compares them.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats

Labels: TypeAlias = npt.NDArray[np.int64]

SHARES = (5, 10, 20)
"""Percentages of the customers that a campaign may contact."""

METRICS = {
    "auc": ("AUC", True),
    "average_precision": ("average precision", True),
    "log_loss": ("log loss", False),
    "brier": ("Brier score", False),
    "calibration_error": ("calibration error", False),
    **{f"lift_{share}": (f"lift in the top {share} %", True) for share in SHARES},
    **{f"recall_{share}": (f"recall in the top {share} %", True) for share in SHARES},
}
"""Each metric's display name, and whether a higher value is better."""

HEADLINES = (
    "auc",
    "average_precision",
    "log_loss",
    "brier",
    "calibration_error",
    "recall_10",
)
"""The metrics that commands, model card and the top of the report show; the report has all."""

_CALIBRATION_BINS = 10
_MEAN_ABSOLUTE = float(np.sqrt(2.0 / np.pi))  # of a standard normal variable
_ONE_SIDED = 1.645  # standard errors that noise exceeds once in 20 times
_EPSILON = np.finfo(np.float64).eps  # limits the log loss of a wrong 0 or 1 to 36


class RankedScores:
    """The scores of n customers, sorted from the highest churn probability to the lowest.

    ``churned`` (n,) of 0 and 1, ``probability`` (n,) in 0..1.
    """

    def __init__(self, churned: Labels, probability: Floats) -> None:
        self._order, self._ends = rank_descending(probability)
        self._churned = churned[self._order].astype(np.float64)
        self._probability = probability[self._order]
        self._losses = log_losses(self._churned, self._probability)
        self._errors = self._probability - self._churned
        self._squared_errors = self._errors**2
        edges = np.linspace(0, len(churned), _CALIBRATION_BINS + 1).astype(np.intp)
        self._bin_starts = np.unique(edges[:-1])

    def gains(self, weights: Floats) -> tuple[Floats, Floats]:
        """The gains curve: the share of customers contacted, and the recall among churners.

        Both rise from 0 to 1, with one point per distinct probability.
        """
        return _gains(self._churned, weights[self._order], self._ends)

    def roc(self, weights: Floats) -> tuple[Floats, Floats]:
        """The ROC curve: false positive rate and recall, with one point per probability."""
        return _roc(*self.gains(weights), self.churn_rate(weights))

    def churn_rate(self, weights: Floats) -> float:
        """The weighted share of churners (0..1)."""
        return float(weights[self._order] @ self._churned / weights.sum())

    def metrics(self, weights: Floats) -> dict[str, float]:
        """The metrics named in METRICS; ``weights`` (n,) must not be negative."""
        ordered = weights[self._order]
        contacted, churners = _counts(self._churned, ordered, self._ends)
        total, all_churners = float(contacted[-1]), float(churners[-1])
        found = np.diff(churners)
        precision = churners[1:] / np.maximum(contacted[1:], _EPSILON * total)
        # by the trapezoidal rule: those who stayed, times the churners ranked above them
        pairs = np.diff(contacted - churners) @ (churners[1:] - found / 2)
        recall_at = {share: _recall(share / 100, contacted, churners) for share in SHARES}
        return {
            "auc": float(pairs) / (all_churners * (total - all_churners)),
            "average_precision": float(found @ precision) / all_churners,
            "log_loss": float(ordered @ self._losses) / total,
            "brier": float(ordered @ self._squared_errors) / total,
            "calibration_error": self._calibration_error(ordered),
            **{f"lift_{share}": value / (share / 100) for share, value in recall_at.items()},
            **{f"recall_{share}": value for share, value in recall_at.items()},
        }

    def calibration_error(self, weights: Floats) -> float:
        """Expected calibration error over ten bins of equal count.

        The mean difference between the predicted and the observed churn rate of a bin (Naeini,
        Cooper, Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning").
        """
        return self._calibration_error(weights[self._order])

    def _calibration_error(self, ordered: Floats) -> float:
        errors = ordered * self._errors
        return float(np.abs(np.add.reduceat(errors, self._bin_starts)).sum() / ordered.sum())

    def calibration_noise(self, weights: Floats, customers: npt.NDArray[np.intp]) -> float:
        """The calibration error that sampling noise alone gives a perfectly calibrated model.

        ``customers`` (n,): a number for each score's customer. The errors of one customer are not
        independent, so they are added before they are squared.
        """
        return float(_MEAN_ABSOLUTE * self._bin_deviations(weights, customers).sum())

    def calibration_excess(self, weights: Floats, customers: npt.NDArray[np.intp]) -> float:
        """The calibration error beyond sampling noise; 0 for 95 of 100 perfect models.

        Noise adds in squares. ``customers`` (n,): as for ``calibration_noise``.
        """
        deviations = self._bin_deviations(weights, customers)
        spread = np.sqrt((1.0 - _MEAN_ABSOLUTE**2) * (deviations**2).sum())
        noise = _MEAN_ABSOLUTE * deviations.sum() + _ONE_SIDED * spread
        return float(np.sqrt(max(0.0, self.calibration_error(weights) ** 2 - noise**2)))

    def _bin_deviations(self, weights: Floats, customers: npt.NDArray[np.intp]) -> Floats:
        """The standard deviation of each bin's share of the calibration error."""
        ordered = weights[self._order]
        errors = ordered * self._errors
        sizes = np.diff(np.append(self._bin_starts, len(errors)))
        bins = np.repeat(np.arange(len(sizes)), sizes)
        n_customers = int(customers.max()) + 1
        cells, cell = np.unique(bins * n_customers + customers[self._order], return_inverse=True)
        # squared errors instead of p(1 - p), because weights may depend on the label (--prior)
        variances = np.bincount(cells // n_customers, np.bincount(cell, errors) ** 2)
        deviations: Floats = np.sqrt(variances) / ordered.sum()
        return deviations


def metrics(
    churned: Labels, probability: Floats, weights: Floats | None = None
) -> dict[str, float]:
    """The metrics named in METRICS of probabilities (n,) and labels (n,) of 0 and 1."""
    equal = np.ones(len(churned)) if weights is None else weights
    return RankedScores(churned, probability).metrics(equal)


def roc_auc(
    churned: npt.NDArray[np.generic], score: Floats, weights: Floats | None = None
) -> float:
    """The area under the ROC curve of any score (n,), higher for churners; labels of both classes.

    Infinite scores are allowed and rank first or last; NaN is not.
    """
    order, ends = rank_descending(score)
    ordered = np.ones(len(order)) if weights is None else weights[order]
    labels = churned[order].astype(np.float64)
    contacted, recall = _gains(labels, ordered, ends)
    return _area(*_roc(contacted, recall, float(ordered @ labels / ordered.sum())))


def _counts(labels: Floats, weights: Floats, ends: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """The weight of the customers, and of the churners, down to each distinct score, from 0 on."""
    sums = np.empty((2, len(weights) + 1))
    sums[:, 0] = 0.0
    np.cumsum(weights, out=sums[0, 1:])
    np.cumsum(weights * labels, out=sums[1, 1:])
    if len(ends) < len(weights):
        sums = sums[:, np.concatenate([[0], ends + 1])]
    return sums[0], sums[1]


def _recall(share: float, contacted: Floats, churners: Floats) -> float:
    """The recall (0..1) if a share (0..1) of the customers is contacted."""
    return float(np.interp(share * contacted[-1], contacted, churners) / churners[-1])


def _gains(labels: Floats, weights: Floats, ends: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    contacted, churners = _counts(labels, weights, ends)
    return contacted / contacted[-1], churners / churners[-1]


def _roc(contacted: Floats, recall: Floats, churn_rate: float) -> tuple[Floats, Floats]:
    return (contacted - churn_rate * recall) / (1.0 - churn_rate), recall


def _area(x: Floats, y: Floats) -> float:
    """The area under a curve, by the trapezoidal rule."""
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2)


def rank_descending(score: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The order (n,) from the highest score to the lowest, and the last position of each tie."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    return order, np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))


def log_losses(churned: npt.NDArray[np.generic], probability: Floats) -> Floats:
    """Each customer's log loss (n,), in nats."""
    clipped = np.clip(probability, _EPSILON, 1.0 - _EPSILON)
    losses: Floats = -np.log(np.where(churned == 1, clipped, 1.0 - clipped))
    return losses


def base_rate_log_loss(churned: Labels, weights: Floats) -> float:
    """The log loss of always predicting the base rate: the entropy of the labels, in nats."""
    rate = np.average(churned, weights=weights)
    return float(-(rate * np.log(rate) + (1 - rate) * np.log1p(-rate)))


def skill(log_loss: float, churned: Labels, weights: Floats) -> float:
    """The share of the base rate's log loss that a model removes; at most 1."""
    return 1.0 - log_loss / base_rate_log_loss(churned, weights)
