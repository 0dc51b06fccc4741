"""Held-out evaluation: the scorecard and its baselines on customers that no fit had seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churn_model.schema import RecordSchema
from training.evaluation.intervals import Interval, percentile, resamples, without_noise
from training.evaluation.metrics import Floats, Labels, Ranked, skill
from training.fitting.baselines import baselines
from training.fitting.fit import STANDARD, Settings, feature_table, score_unseen
from training.fitting.splits import Rows, Splits

SCORECARD = "scorecard"


@dataclass(frozen=True)
class HeldOut:
    """Held-out scores: k of them, of customers that each were scored once or more.

    ``rows`` (k,): the customer's row. ``churned``, ``weights`` (k,): of that customer; a customer
    scored twice counts half each time. ``probabilities``: (k,) by model, from fits that never saw
    the customer.
    """

    rows: Rows
    churned: Labels
    weights: Floats
    probabilities: dict[str, Floats]

    @property
    def probability(self) -> Floats:
        """The scorecard's (k,)."""
        return self.probabilities[SCORECARD]


@dataclass(frozen=True)
class Evaluation:
    """Results of each model on the same held-out customers.

    ``metrics`` and ``intervals`` (95 %): by model. ``gaps``: what the scorecard's log loss is above
    each baseline's, with the interval of that difference over the same customers. ``skill``: the
    share of the base rate's log loss that the scorecard removes. ``splits``: who was held out.
    """

    held_out: HeldOut
    metrics: dict[str, dict[str, float]]
    intervals: dict[str, dict[str, Interval]]
    gaps: dict[str, tuple[float, Interval]]
    skill: float
    splits: str

    @property
    def best_baseline(self) -> str:
        """The baseline with the lowest log loss."""
        return min(self.gaps, key=lambda name: self.metrics[name]["log_loss"])

    @property
    def loses(self) -> bool:
        """Whether the best baseline is better beyond chance."""
        return self.gaps[self.best_baseline][1].low > 0

    def verdict(self) -> str:
        """One line: does the scorecard hold against the better baseline?"""
        gap, (low, high) = self.gaps[self.best_baseline]
        words = "LOSES to" if self.loses else "holds against"
        return (
            f"the scorecard {words} {self.best_baseline}: log loss {gap:+.4f} "
            f"(95 % interval {low:+.4f} to {high:+.4f})"
        )


def evaluate(
    customers: pd.DataFrame,
    churned: Labels,
    schema: RecordSchema,
    splits: Splits,
    *,
    weights: Floats | None = None,
    settings: Settings = STANDARD,
    seed: int = 0,
    step: Callable[[str], object] = lambda text: None,
) -> Evaluation:
    """Fit and score each split; ``step`` is told of each fit before it starts."""
    each = np.ones(len(churned)) if weights is None else weights
    held_out = _hold_out(customers, churned, each, schema, splits, settings, seed, step)
    step("intervals")
    ranked = {
        name: Ranked(held_out.churned, probability)
        for name, probability in held_out.probabilities.items()
    }
    found = {name: ranking.metrics(held_out.weights) for name, ranking in ranked.items()}
    intervals, gaps = _intervals(held_out, ranked, found, seed)
    removed = skill(found[SCORECARD]["log_loss"], held_out.churned, held_out.weights)
    return Evaluation(held_out, found, intervals, gaps, removed, splits.text)


def _hold_out(
    customers: pd.DataFrame,
    churned: Labels,
    weights: Floats,
    schema: RecordSchema,
    splits: Splits,
    settings: Settings,
    seed: int,
    step: Callable[[str], object],
) -> HeldOut:
    features = feature_table(customers, schema)
    scores: dict[str, list[Floats]] = {name: [] for name in (SCORECARD, *baselines(schema))}
    for number, (train, test) in enumerate(splits.pairs, start=1):
        step(f"fit {number} of {len(splits.pairs)}")
        scores[SCORECARD].append(
            score_unseen(customers, churned, weights, schema, (train, test), settings, seed)
        )
        for name, model in baselines(schema, seed).items():
            last = {f"{model.steps[-1][0]}__sample_weight": weights[train]}
            model.fit(features.iloc[train], churned[train], **last)
            scores[name].append(model.predict_proba(features.iloc[test])[:, 1])
    rows = np.concatenate([test for _, test in splits.pairs])
    times = np.bincount(rows, minlength=len(churned))
    return HeldOut(
        rows,
        churned[rows],
        weights[rows] / times[rows],
        {name: np.concatenate(parts) for name, parts in scores.items()},
    )


def _intervals(
    held_out: HeldOut,
    ranked: dict[str, Ranked],
    found: dict[str, dict[str, float]],
    seed: int,
) -> tuple[dict[str, dict[str, Interval]], dict[str, tuple[float, Interval]]]:
    """Resample customers, not scores: a customer's scores come or stay away together."""
    drawn: dict[str, list[dict[str, float]]] = {name: [] for name in ranked}
    for weights in _drawn_weights(held_out, seed):
        for name, ranking in ranked.items():
            drawn[name].append(ranking.metrics(weights))
    values = {
        name: {metric: np.array([one[metric] for one in many]) for metric in found[name]}
        for name, many in drawn.items()
    }
    noise = np.sqrt(len(held_out.rows) / len(np.unique(held_out.rows)))  # repeats add none
    intervals = {
        name: {
            metric: without_noise(each, noise * ranked[name].calibration_noise(held_out.weights))
            if metric == "calibration_error"
            else percentile(each)
            for metric, each in of_model.items()
        }
        for name, of_model in values.items()
    }
    ours = values[SCORECARD]["log_loss"]
    gaps = {
        name: (
            found[SCORECARD]["log_loss"] - found[name]["log_loss"],
            percentile(ours - values[name]["log_loss"]),
        )
        for name in ranked
        if name != SCORECARD
    }
    return intervals, gaps


def _drawn_weights(held_out: HeldOut, seed: int) -> Iterator[Floats]:
    customers, place = np.unique(held_out.rows, return_inverse=True)
    for counts in resamples(len(customers), seed):
        yield held_out.weights * counts[place]
