"""The metrics of the scorecard and its baselines on the same held-out customers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np

from churn_model.arrays import Floats, Rows
from training.evaluation.calibration import Calibration, calibration
from training.evaluation.intervals import Interval, noise_corrected, percentile, resamples
from training.evaluation.metrics import Labels, RankedScores, base_rate_log_loss, skill
from training.fitting.splits import Period

SCORECARD = "scorecard"


@dataclass(frozen=True)
class HeldOut:
    """Held-out scores: k scores of rows that were each scored at least once.

    ``rows`` (k,): the scored row. ``customers`` (k,): a number for its customer, who may have
    several rows. ``churned``, ``weights`` (k,): of that row; with r scores, each has the row's
    weight divided by r. ``probabilities``: (k,) by model, from fits that did not include the
    customer.
    """

    rows: Rows
    customers: Rows
    churned: Labels
    weights: Floats
    probabilities: dict[str, Floats]

    @property
    def probability(self) -> Floats:
        """The scorecard's probabilities (k,)."""
        return self.probabilities[SCORECARD]

    def take(self, positions: Rows) -> HeldOut:
        """Some of the k scores."""
        return HeldOut(
            self.rows[positions],
            self.customers[positions],
            self.churned[positions],
            self.weights[positions],
            {name: each[positions] for name, each in self.probabilities.items()},
        )


@dataclass(frozen=True)
class PeriodMetrics:
    """The scorecard's held-out metrics in one period of time, with 95 % intervals.

    ``rows``, ``churn_rate`` (0..1): of the held-out rows.
    """

    period: Period
    rows: int
    churn_rate: float
    metrics: dict[str, float]
    intervals: dict[str, Interval]


@dataclass(frozen=True)
class Evaluation:
    """Results of each model on the same held-out customers.

    ``metrics`` and ``intervals`` (95 %): by model. ``gaps``: the scorecard's log loss minus each
    baseline's, with the paired interval of the difference. ``skill``: the share of the base rate's
    log loss that the scorecard removes. ``splits``: how customers were held out, as text.
    ``over_time``: of splits by date, the scorecard's metrics in each period, earliest first; all
    other results are those of the last period.
    """

    held_out: HeldOut
    metrics: dict[str, dict[str, float]]
    intervals: dict[str, dict[str, Interval]]
    gaps: dict[str, tuple[float, Interval]]
    skill: float
    splits: str
    over_time: list[PeriodMetrics] = field(default_factory=list)

    @property
    def best_baseline(self) -> str:
        """The baseline with the lowest log loss."""
        return min(self.gaps, key=lambda name: self.metrics[name]["log_loss"])

    @property
    def is_worse_than_baseline(self) -> bool:
        """Whether the scorecard's log loss is significantly higher than the best baseline's."""
        return self.gaps[self.best_baseline][1].low > 0

    @cached_property
    def calibration(self) -> Calibration:
        """The scorecard's calibration."""
        held_out = self.held_out
        return calibration(
            held_out.churned, held_out.probability, held_out.weights, held_out.customers
        )

    @property
    def baseline_share(self) -> float:
        """The share of the best baseline's skill that the scorecard reaches, at the upper end.

        The upper end of the paired 95 % interval: below 1 only if a baseline is clearly better. It
        is 1 if no baseline has any skill.
        """
        base = base_rate_log_loss(self.held_out.churned, self.held_out.weights)
        name = self.best_baseline
        removed = base - self.metrics[name]["log_loss"]
        return 1.0 - self.gaps[name][1].low / removed if removed > 0 else 1.0

    def baseline_comparison(self) -> str:
        """A sentence that compares the scorecard's log loss with the best baseline's."""
        name = self.best_baseline
        gap, (low, high) = self.gaps[name]
        if low <= 0 <= high:
            return (
                f"The scorecard's log loss does not differ significantly from {name}'s (by "
                f"{gap:+.4f}, 95 % interval {low:+.4f} to {high:+.4f})."
            )
        if gap > 0:
            change = f"HIGHER than {name}'s by {gap:.4f} (95 % interval {low:.4f} to {high:.4f})"
        else:
            change = f"lower than {name}'s by {-gap:.4f} (95 % interval {-high:.4f} to {-low:.4f})"
        return f"The scorecard's log loss is {change}."


Resampled: TypeAlias = dict[str, Floats]
"""Metrics over the resamples (r,), by name."""


def summarise(
    held_out: HeldOut, splits: str, seed: int = 0, resampled: dict[str, Resampled] | None = None
) -> Evaluation:
    """Metrics and intervals of held-out scores.

    ``splits``: how customers were held out. ``resampled``: of each model (see
    ``resampled_metrics``); None to compute them here.
    """
    ranked = {
        name: RankedScores(held_out.churned, probability)
        for name, probability in held_out.probabilities.items()
    }
    metrics = {name: scores.metrics(held_out.weights) for name, scores in ranked.items()}
    if resampled is None:
        resampled = {name: resampled_metrics(held_out, name, seed) for name in ranked}
    return Evaluation(
        held_out,
        metrics,
        {name: _intervals(held_out, ranked[name], resampled[name]) for name in ranked},
        _gaps(metrics, resampled),
        skill(metrics[SCORECARD]["log_loss"], held_out.churned, held_out.weights),
        splits,
    )


def period_metrics(held_out: HeldOut, period: Period, seed: int = 0) -> PeriodMetrics:
    """The scorecard's metrics in one period, given the scores of its rows."""
    ranked = RankedScores(held_out.churned, held_out.probability)
    resampled = resampled_metrics(held_out, SCORECARD, seed)
    return PeriodMetrics(
        period,
        len(held_out.rows),
        float(np.average(held_out.churned, weights=held_out.weights)),
        ranked.metrics(held_out.weights),
        _intervals(held_out, ranked, resampled),
    )


def resampled_metrics(held_out: HeldOut, model: str, seed: int = 0) -> Resampled:
    """One model's metrics over the resamples, which the seed determines for all models."""
    ranked = RankedScores(held_out.churned, held_out.probabilities[model])
    drawn = [ranked.metrics(weights) for weights in _resampled_weights(held_out, seed)]
    return {metric: np.array([each[metric] for each in drawn]) for metric in drawn[0]}


def _resampled_weights(held_out: HeldOut, seed: int) -> Iterator[Floats]:
    """Resample customers, not rows: all scores of a customer are drawn together."""
    customers, position = np.unique(held_out.customers, return_inverse=True)
    for counts in resamples(len(customers), seed):
        yield held_out.weights * counts[position]


def _intervals(
    held_out: HeldOut, ranked: RankedScores, resampled: Resampled
) -> dict[str, Interval]:
    """One model's intervals by metric."""
    noise = ranked.calibration_noise(held_out.weights, held_out.customers)
    return {
        metric: noise_corrected(values, noise)
        if metric == "calibration_error"
        else percentile(values)
        for metric, values in resampled.items()
    }


def _gaps(
    metrics: dict[str, dict[str, float]], resampled: dict[str, Resampled]
) -> dict[str, tuple[float, Interval]]:
    """The scorecard's log loss minus each baseline's, with the paired interval."""
    own = resampled[SCORECARD]["log_loss"]
    return {
        name: (
            metrics[SCORECARD]["log_loss"] - metrics[name]["log_loss"],
            percentile(own - resampled[name]["log_loss"]),
        )
        for name in metrics
        if name != SCORECARD
    }
