"""Held-out evaluation: the scorecard and its baselines on customers that no fit had seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churn_model.schema import RecordSchema
from training.evaluation.intervals import Interval, percentile, resamples, without_noise
from training.evaluation.metrics import Floats, Labels, Ranked, skill
from training.fitting.baselines import baselines
from training.fitting.fit import STANDARD, FitSettings, feature_table, score_held_out
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
    ) -> None:
        self._data = customers, churned, weights, schema
        self._features = feature_table(customers, schema)
        self._splits = splits
        self._seed = seed
        self._scores: dict[str, list[Floats]] = {
            name: [] for name in (SCORECARD, *baselines(schema))
        }

    def score(self, place: int, settings: FitSettings) -> None:
        """Fit on the training rows of one split, and score its held-out rows."""
        _, churned, weights, schema = self._data
        fitted, scored = split = self._splits.pairs[place]
        probability = score_held_out(*self._data, split, settings, self._seed)
        self._scores[SCORECARD].append(probability)
        for name, model in baselines(schema, self._seed).items():
            last = {f"{model.steps[-1][0]}__sample_weight": weights[fitted]}
            model.fit(self._features.iloc[fitted], churned[fitted], **last)
            probability = model.predict_proba(self._features.iloc[scored])[:, 1]
            self._scores[name].append(probability)

    def result(self) -> HeldOut:
        """The scores of all splits, which must all have been scored in order."""
        _, churned, weights, _ = self._data
        rows = np.concatenate([scored for _, scored in self._splits.pairs])
        times = np.bincount(rows, minlength=len(churned))
        probabilities = {name: np.concatenate(parts) for name, parts in self._scores.items()}
        return HeldOut(rows, churned[rows], weights[rows] / times[rows], probabilities)


def summarise(held_out: HeldOut, splits: str, seed: int = 0) -> Evaluation:
    """Metrics and intervals of held-out scores. ``splits`` says how they were made."""
    ranked = {
        name: Ranked(held_out.churned, probability)
        for name, probability in held_out.probabilities.items()
    }
    found = {name: ranking.metrics(held_out.weights) for name, ranking in ranked.items()}
    intervals, gaps = _intervals(held_out, ranked, found, seed)
    removed = skill(found[SCORECARD]["log_loss"], held_out.churned, held_out.weights)
    return Evaluation(held_out, found, intervals, gaps, removed, splits)


def evaluate(
    customers: pd.DataFrame,
    churned: Labels,
    schema: RecordSchema,
    splits: Splits,
    *,
    weights: Floats | None = None,
    settings: FitSettings = STANDARD,
    seed: int = 0,
) -> Evaluation:
    """Score all splits and summarise the scores."""
    equal = np.ones(len(churned)) if weights is None else weights
    scores = HeldOutScores(customers, churned, equal, schema, splits, seed)
    for place in range(len(splits.pairs)):
        scores.score(place, settings)
    return summarise(scores.result(), splits.text, seed)


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
