"""Held-out evaluation of the scorecard and its baselines on the same customers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from churn_model.arrays import Floats, Rows
from churn_model.schema import RecordSchema
from training.data.customers import CustomersOfRows
from training.evaluation.calibration import Calibration, calibration
from training.evaluation.intervals import Interval, noise_corrected, percentile, resamples
from training.evaluation.metrics import Labels, RankedScores, base_rate_log_loss, skill
from training.fitting.baselines import baselines
from training.fitting.fit import STANDARD, FitSettings, feature_table, score_held_out
from training.fitting.splits import Period, Splits
from training.fitting.threads import limited_threads

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


class HeldOutScores:
    """Collects the held-out scores of the scorecard and its baselines, split by split."""

    def __init__(
        self,
        customers: pd.DataFrame,
        churned: Labels,
        weights: Floats,
        schema: RecordSchema,
        splits: Splits,
        seed: int = 0,
        *,
        customers_of_rows: CustomersOfRows | None = None,
    ) -> None:
        self._data = customers, churned, weights, schema
        self._customers = customers_of_rows or CustomersOfRows.one_per_row(len(churned))
        self._features = feature_table(customers, schema)
        self._splits = splits
        self._seed = seed
        self._scores: dict[str, list[Floats]] = {
            name: [] for name in (SCORECARD, *baselines(schema))
        }

    def score(self, split_index: int, settings: FitSettings) -> None:
        """Fit on the training rows of one split, and score its held-out rows."""
        _, churned, weights, schema = self._data
        train, test = split = self._splits.pairs[split_index]
        probability = score_held_out(*self._data, split, settings, self._seed, self._customers)
        self._scores[SCORECARD].append(probability)
        with limited_threads(len(train)):
            for name, model in baselines(schema, self._seed).items():
                fit_parameters = {f"{model.steps[-1][0]}__sample_weight": weights[train]}
                model.fit(self._features.iloc[train], churned[train], **fit_parameters)
                probability = model.predict_proba(self._features.iloc[test])[:, 1]
                self._scores[name].append(probability)

    def evaluation(self) -> Evaluation:
        """The metrics and intervals of all splits, which must all have been scored in order."""
        splits = self._splits
        over_time = [self._in_period(period) for period in splits.periods]
        evaluation = summarise(self.held_out(splits.headline), splits.text, self._seed)
        return replace(evaluation, over_time=over_time)

    def held_out(self, splits: range) -> HeldOut:
        """The scores of some of the splits."""
        _, churned, weights, _ = self._data
        rows = np.concatenate([self._splits.pairs[split][1] for split in splits])
        times = np.bincount(rows, minlength=len(churned))
        probabilities = {
            name: np.concatenate([parts[split] for split in splits])
            for name, parts in self._scores.items()
        }
        return HeldOut(
            rows,
            self._customers.code[rows],
            churned[rows],
            weights[rows] / times[rows],
            probabilities,
        )

    def _in_period(self, period: Period) -> PeriodMetrics:
        held_out = self.held_out(period.splits)
        ranked = {SCORECARD: RankedScores(held_out.churned, held_out.probability)}
        drawn = _resampled_metrics(held_out, ranked, self._seed)
        return PeriodMetrics(
            period,
            len(held_out.rows),
            float(np.average(held_out.churned, weights=held_out.weights)),
            ranked[SCORECARD].metrics(held_out.weights),
            _intervals(held_out, ranked, drawn)[SCORECARD],
        )


def summarise(held_out: HeldOut, splits: str, seed: int = 0) -> Evaluation:
    """Metrics and intervals of held-out scores. ``splits``: how customers were held out."""
    ranked = {
        name: RankedScores(held_out.churned, probability)
        for name, probability in held_out.probabilities.items()
    }
    metrics = {name: scores.metrics(held_out.weights) for name, scores in ranked.items()}
    resampled = _resampled_metrics(held_out, ranked, seed)
    return Evaluation(
        held_out,
        metrics,
        _intervals(held_out, ranked, resampled),
        _gaps(metrics, resampled),
        skill(metrics[SCORECARD]["log_loss"], held_out.churned, held_out.weights),
        splits,
    )


def evaluate(
    customers: pd.DataFrame,
    churned: Labels,
    schema: RecordSchema,
    splits: Splits,
    *,
    weights: Floats | None = None,
    settings: FitSettings = STANDARD,
    seed: int = 0,
    customers_of_rows: CustomersOfRows | None = None,
) -> Evaluation:
    """Score all splits and summarise the scores."""
    equal = np.ones(len(churned)) if weights is None else weights
    scores = HeldOutScores(
        customers, churned, equal, schema, splits, seed, customers_of_rows=customers_of_rows
    )
    for split_index in range(len(splits.pairs)):
        scores.score(split_index, settings)
    return scores.evaluation()


def _resampled_metrics(
    held_out: HeldOut, ranked: dict[str, RankedScores], seed: int
) -> dict[str, dict[str, Floats]]:
    """Each model's metrics over the resamples (r,), which are the same for all models."""
    drawn: dict[str, list[dict[str, float]]] = {name: [] for name in ranked}
    for weights in _resampled_weights(held_out, seed):
        for name, scores in ranked.items():
            drawn[name].append(scores.metrics(weights))
    return {
        name: {metric: np.array([each[metric] for each in rows]) for metric in rows[0]}
        for name, rows in drawn.items()
    }


def _resampled_weights(held_out: HeldOut, seed: int) -> Iterator[Floats]:
    """Resample customers, not rows: all scores of a customer are drawn together."""
    customers, position = np.unique(held_out.customers, return_inverse=True)
    for counts in resamples(len(customers), seed):
        yield held_out.weights * counts[position]


def _intervals(
    held_out: HeldOut,
    ranked: dict[str, RankedScores],
    resampled: dict[str, dict[str, Floats]],
) -> dict[str, dict[str, Interval]]:
    noise = {
        name: scores.calibration_noise(held_out.weights, held_out.customers)
        for name, scores in ranked.items()
    }
    return {
        name: {
            metric: noise_corrected(values, noise[name])
            if metric == "calibration_error"
            else percentile(values)
            for metric, values in by_metric.items()
        }
        for name, by_metric in resampled.items()
    }


def _gaps(
    metrics: dict[str, dict[str, float]], resampled: dict[str, dict[str, Floats]]
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
