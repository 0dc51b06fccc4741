"""Metrics of churn probabilities, for any weighting of the customers.

The customers are sorted once; each weighting is then measured in linear time, which is what makes
a thousand bootstrap resamples affordable. Without ties in the weights these are scikit-learn's own
figures; the tests compare them.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Labels: TypeAlias = npt.NDArray[np.int64]

SHARES = (5, 10, 20)
"""Per cent of the customers that a campaign may reach."""

METRICS = {
    "auc": ("AUC", True),
    "average_precision": ("average precision", True),
    "log_loss": ("log loss", False),
    "brier": ("Brier score", False),
    "calibration_error": ("calibration error", False),
    **{f"lift_{share}": (f"lift at {share} %", True) for share in SHARES},
    **{f"recall_{share}": (f"churn captured at {share} %", True) for share in SHARES},
}
"""Each metric's name for people, and whether more of it is better."""

HEADLINES = (
    "auc",
    "average_precision",
    "log_loss",
    "brier",
    "calibration_error",
    "recall_10",
)
"""The metrics that are shown where there is no room for all."""

_CALIBRATION_BINS = 10
_NEVER = np.finfo(np.float64).eps  # a probability of 0 or 1 that was wrong costs 36, not infinity


class Ranked:
    """n scored customers, from the highest probability of churn to the lowest.

    ``churned`` (n,) of 0 and 1, ``probability`` (n,) in 0..1.
    """

    def __init__(self, churned: Labels, probability: Floats) -> None:
        self._order, self._ends = by_risk(probability)
        self._churned = churned[self._order].astype(np.float64)
        self._probability = probability[self._order]
        self._losses = log_losses(self._churned, self._probability)
        self._squares = (self._probability - self._churned) ** 2
        edges = np.linspace(0, len(churned), _CALIBRATION_BINS + 1).astype(np.intp)
        self._bins = np.unique(edges[:-1])

    def gains(self, weights: Floats) -> tuple[Floats, Floats]:
        """The gains curve: the share of the customers reached, and of the churners among them.

        Both ascend from 0 to 1 and have a point for each distinct probability.
        """
        ordered = weights[self._order]
        everybody = np.concatenate([[0.0], np.cumsum(ordered)[self._ends]])
        churners = np.concatenate([[0.0], np.cumsum(ordered * self._churned)[self._ends]])
        return everybody / everybody[-1], churners / churners[-1]

    def metrics(self, weights: Floats) -> dict[str, float]:
        """The figures named in METRICS, of no unit; ``weights`` (n,) are not negative."""
        ordered = weights[self._order]
        total = ordered.sum()
        reached, captured = self.gains(weights)
        rate = float(ordered @ self._churned / total)
        kept = (reached - rate * captured) / (1.0 - rate)
        precision = rate * captured[1:] / np.maximum(reached[1:], _NEVER)
        found = {
            "auc": float(np.sum(np.diff(kept) * (captured[1:] + captured[:-1])) / 2),
            "average_precision": float(np.sum(np.diff(captured) * precision)),
            "log_loss": float(ordered @ self._losses / total),
            "brier": float(ordered @ self._squares / total),
            "calibration_error": self._calibration_error(ordered),
        }
        at = {share: float(np.interp(share / 100, reached, captured)) for share in SHARES}
        found |= {f"lift_{share}": value / (share / 100) for share, value in at.items()}
        return found | {f"recall_{share}": value for share, value in at.items()}

    def _calibration_error(self, ordered: Floats) -> float:
        """Expected calibration error over ten bins of equal count.

        The mean distance between the churn predicted and the churn seen in a bin (Naeini, Cooper,
        Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning").
        """
        gaps = np.add.reduceat(ordered * (self._probability - self._churned), self._bins)
        return float(np.abs(gaps).sum() / ordered.sum())

    def calibration_noise(self, weights: Floats) -> float:
        """The calibration error that chance alone gives a perfectly calibrated model."""
        ordered = weights[self._order]
        # what was seen, not p(1 - p): weights may depend on the label, as those of a prior do
        errors = np.sqrt(np.add.reduceat(ordered**2 * self._squares, self._bins))
        return float(np.sqrt(2.0 / np.pi) * errors.sum() / ordered.sum())  # of a normal's size


def metrics(
    churned: Labels, probability: Floats, weights: Floats | None = None
) -> dict[str, float]:
    """The figures named in METRICS of probabilities (n,) against labels (n,) of 0 and 1."""
    equal = np.ones(len(churned)) if weights is None else weights
    return Ranked(churned, probability).metrics(equal)


def by_risk(probability: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The order (n,) from the highest risk to the lowest, and where in it each run of ties ends."""
    order = np.argsort(-probability, kind="stable")
    return order, np.flatnonzero(np.diff(probability[order], append=-1.0))


def log_losses(churned: npt.NDArray[np.generic], probability: Floats) -> Floats:
    """Each customer's log loss (n,), in nats."""
    sure = np.clip(probability, _NEVER, 1.0 - _NEVER)
    losses: Floats = -np.log(np.where(churned == 1, sure, 1.0 - sure))
    return losses


def base_rate_log_loss(churned: Labels, weights: Floats) -> float:
    """The log loss of who always says the base rate: the entropy of the labels, in nats."""
    rate = np.average(churned, weights=weights)
    return float(-(rate * np.log(rate) + (1 - rate) * np.log1p(-rate)))


def skill(log_loss: float, churned: Labels, weights: Floats) -> float:
    """The share of the base rate's log loss that a model removes; at most 1."""
    return 1.0 - log_loss / base_rate_log_loss(churned, weights)
