"""Selects the fit settings with the lowest held-out log loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import train_test_split

from churn_model.arrays import Floats, Rows
from training.data.customers import CustomersOfRows
from training.evaluation.metrics import Labels, log_losses, metrics
from training.fitting.fit import STANDARD, FitSettings
from training.fitting.splits import Split, customer_folds, customer_strata

FOLDS = 3
_STANDARD_ERRORS = 2.0
_MOST_ROWS = 20_000  # more rows do not change the order of the candidates

CANDIDATES = (
    STANDARD,
    FitSettings(
        "smooth",
        max_bins=64,
        max_interaction_bins=16,
        smoothing_rounds=300,
        interaction_smoothing_rounds=75,
    ),
    FitSettings("additive", interactions=0),
)
"""The default; coarser and smoother tables, for small or noisy data; no pairs."""


@dataclass(frozen=True)
class Candidate:
    """Fit settings and their held-out metrics. ``folds``: how many folds were held out."""

    settings: FitSettings
    metrics: dict[str, float]
    folds: int = FOLDS


def candidates(interactions: int | None, bags: int | None = None) -> tuple[FitSettings, ...]:
    """The settings to compare; all have the number of pairs, and of bags, that is given."""
    compared = [replace(each, outer_bags=bags) for each in CANDIDATES]
    if interactions is not None:
        compared = [replace(e, interactions=interactions) for e in compared if e.name != "additive"]
    return tuple(compared)


def comparison_splits(
    churned: Labels, customers_of_rows: CustomersOfRows, development: Rows, seed: int = 0
) -> list[Split]:
    """The folds for comparing settings, of a sample of at most 20,000 ``development`` rows.

    They differ from those of the evaluation. A customer's rows are in the same fold.
    """
    rows = _sample(churned, customers_of_rows, development, seed)
    folds = customer_folds(churned[rows], customers_of_rows.take(rows), FOLDS, seed + 1)
    return [(rows[train], rows[test]) for train, test in folds]


def _sample(
    churned: Labels, customers_of_rows: CustomersOfRows, development: Rows, seed: int
) -> Rows:
    """All rows of as many customers as have about _MOST_ROWS rows."""
    if len(development) <= _MOST_ROWS:
        return development
    customers = customers_of_rows.take(development)
    chosen, _ = train_test_split(
        np.arange(customers.n),
        train_size=_MOST_ROWS / len(development),
        stratify=customer_strata(churned[development], customers),
        random_state=seed,
    )
    return development[customers.rows_of(chosen)]


class SettingsComparison:
    """Collects the held-out probabilities of candidates, fold by fold.

    After the first fold, the candidates that are clearly worse than the best are given up: a race
    (Maron, Moore 1994, "Hoeffding races", Advances in Neural Information Processing Systems 6).
    """

    def __init__(self, churned: Labels, weights: Floats, splits: Sequence[Split]) -> None:
        self._churned, self._weights, self._splits = churned, weights, splits
        self._scores: dict[FitSettings, dict[int, Floats]] = {}

    def add(self, settings: FitSettings, fold: int, probability: Floats) -> None:
        """Add a candidate's probabilities (k,) of a fold's held-out rows."""
        self._scores.setdefault(settings, {})[fold] = probability

    def is_given_up(self, settings: FitSettings) -> bool:
        """Whether another candidate is better by two standard errors in the first fold."""
        losses = {each: self._losses(scores[0]) for each, scores in self._scores.items()}
        best = min(losses, key=lambda each: float(losses[each].mean()))
        worse_by = losses[settings] - losses[best]
        error = float(worse_by.std()) / np.sqrt(len(worse_by))
        return bool(worse_by.mean() > _STANDARD_ERRORS * error)

    def _losses(self, probability: Floats) -> Floats:
        """The weighted log losses (k,) in the first fold."""
        rows = self._splits[0][1]
        return self._weights[rows] * log_losses(self._churned[rows], probability)

    def best_first(self) -> list[Candidate]:
        """The candidates by log loss, those that were given up last."""
        compared = [self._candidate(*each) for each in self._scores.items()]
        return sorted(compared, key=lambda each: (-each.folds, each.metrics["log_loss"]))

    def _candidate(self, settings: FitSettings, scores: dict[int, Floats]) -> Candidate:
        folds = sorted(scores)
        rows = np.concatenate([self._splits[fold][1] for fold in folds])
        probability = np.concatenate([scores[fold] for fold in folds])
        held_out = metrics(self._churned[rows], probability, self._weights[rows])
        return Candidate(settings, held_out, len(folds))
