"""Scores the scorecard and its baselines on rows that they were not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from churn_model.arrays import Floats
from churn_model.scoring import Scorer
from training.evaluation.evaluation import (
    SCORECARD,
    Evaluation,
    HeldOut,
    PeriodMetrics,
    Resampled,
    summarise,
)
from training.fitting.baselines import baselines
from training.fitting.fit import STANDARD, FitSettings, feature_table, fit_rows
from training.fitting.labelled_rows import LabelledRows
from training.fitting.splits import Split, Splits
from training.fitting.threads import limited_threads


def score_scorecard(
    rows: LabelledRows,
    split: Split,
    settings: FitSettings = STANDARD,
    seed: int = 0,
    threads: int | None = None,
) -> Floats:
    """Fit on the training rows of a split; returns the probabilities (k,) of its held-out rows.

    ``threads``: see ``fit_rows``.
    """
    train, test = split
    scorecard = fit_rows(rows.take(train), seed, settings, threads).scorecard
    return Scorer(scorecard, rows.schema).score(rows.customers.iloc[test]).probability


def score_baselines(rows: LabelledRows, split: Split, seed: int = 0) -> dict[str, Floats]:
    """Fit the baselines on the training rows; returns the probabilities (k,) of each, by name."""
    train, test = split
    fitted_on = rows.take(train)
    features = feature_table(fitted_on.customers, rows.schema)
    held_out = feature_table(rows.customers.iloc[test], rows.schema)
    # scikit-learn takes several times as long to bin the features of weighted rows
    weights = None if (fitted_on.weights == 1).all() else fitted_on.weights
    scores = {}
    with limited_threads(len(train)):
        for name, model in baselines(rows.schema, seed).items():
            fit_parameters = {f"{model.steps[-1][0]}__sample_weight": weights}
            model.fit(features, fitted_on.churned, **fit_parameters)
            scores[name] = model.predict_proba(held_out)[:, 1]
    return scores


class HeldOutScores:
    """Collects the held-out scores of each model and split."""

    def __init__(self, rows: LabelledRows, splits: Splits, seed: int = 0) -> None:
        self._rows = rows
        self._splits = splits
        self._seed = seed
        self._scores: dict[tuple[str, int], Floats] = {}

    def add(self, split_index: int, scores: dict[str, Floats]) -> None:
        """Add the probabilities of one split's held-out rows, by model."""
        for name, probability in scores.items():
            self._scores[name, split_index] = probability

    def score(self, split_index: int, settings: FitSettings) -> None:
        """Fit all models on the training rows of one split, and score its held-out rows."""
        split = self._splits.pairs[split_index]
        probability = score_scorecard(self._rows, split, settings, self._seed)
        self.add(split_index, {SCORECARD: probability})
        self.add(split_index, score_baselines(self._rows, split, self._seed))

    @property
    def models(self) -> list[str]:
        """The names of the models, the scorecard first."""
        return [SCORECARD, *baselines(self._rows.schema)]

    def held_out(self, splits: range) -> HeldOut:
        """The scores of some of the splits."""
        return self._held_out(splits, self.models)

    def of_model(self, model: str, splits: range) -> HeldOut:
        """One model's scores of some of the splits."""
        return self._held_out(splits, [model])

    def _held_out(self, splits: range, models: list[str]) -> HeldOut:
        rows = np.concatenate([self._splits.pairs[split][1] for split in splits])
        times = np.bincount(rows, minlength=len(self._rows.churned))
        probabilities = {
            name: np.concatenate([self._scores[name, split] for split in splits]) for name in models
        }
        return HeldOut(
            rows,
            self._rows.customers_of_rows.code[rows],
            self._rows.churned[rows],
            self._rows.weights[rows] / times[rows],
            probabilities,
        )

    def evaluation(
        self,
        resampled: dict[str, Resampled] | None = None,
        over_time: Sequence[PeriodMetrics] = (),
    ) -> Evaluation:
        """The metrics and intervals of the headline's splits, which must all have been scored.

        ``resampled``: of each model (see ``resampled_metrics``); None to compute them here.
        ``over_time``: of each period, if the splits are by date.
        """
        held_out = self.held_out(self._splits.headline)
        evaluation = summarise(held_out, self._splits.text, self._seed, resampled)
        return replace(evaluation, over_time=list(over_time))


def evaluate(
    rows: LabelledRows, splits: Splits, settings: FitSettings = STANDARD, seed: int = 0
) -> Evaluation:
    """Score all splits and summarise the scores."""
    scores = HeldOutScores(rows, splits, seed)
    for split_index in range(len(splits.pairs)):
        scores.score(split_index, settings)
    return scores.evaluation()
