"""Selects the fit settings with the lowest held-out log loss."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold, train_test_split

from churn_model.arrays import Floats
from churn_model.schema import RecordSchema
from training.evaluation.metrics import Labels, metrics
from training.fitting.fit import STANDARD, FitSettings, score_held_out
from training.fitting.splits import Rows

FOLDS = 3
_MOST_ROWS = 20_000  # more rows do not change the order of the candidates

CANDIDATES = (
    STANDARD,
    FitSettings("smooth", max_bins=64, max_interaction_bins=16, smoothing_rounds=300),
    FitSettings("additive", interactions=0),
)
"""The default; coarser and smoother tables, for small or noisy data; no pairs."""


@dataclass(frozen=True)
class Candidate:
    """Fit settings and their held-out metrics."""

    settings: FitSettings
    metrics: dict[str, float]


def candidates(interactions: int | None, bags: int | None = None) -> tuple[FitSettings, ...]:
    """The settings to compare; all have the number of pairs, and of bags, that is given."""
    compared = [replace(each, outer_bags=bags) for each in CANDIDATES]
    if interactions is not None:
        compared = [replace(e, interactions=interactions) for e in compared if e.name != "additive"]
    return tuple(compared)


class SettingsComparison:
    """Cross-validates candidates on the ``development`` rows (a sample of at most 20,000).

    The folds differ from those of the evaluation.
    """

    def __init__(
        self,
        customers: pd.DataFrame,
        churned: Labels,
        weights: Floats,
        schema: RecordSchema,
        development: Rows,
        seed: int = 0,
    ) -> None:
        self._data = customers, churned, weights, schema
        self._seed = seed
        rows = development
        if len(development) > _MOST_ROWS:
            rows, _ = train_test_split(
                development,
                train_size=_MOST_ROWS,
                stratify=churned[development],
                random_state=seed,
            )
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed + 1)
        self._rows = rows
        self._splits = [(rows[a], rows[b]) for a, b in folds.split(rows, churned[rows])]
        self._scored: list[Candidate] = []

    def score(self, settings: FitSettings) -> None:
        """Score one candidate on held-out rows."""
        _, churned, weights, _ = self._data
        probability = np.zeros(len(churned))
        for split in self._splits:
            probability[split[1]] = score_held_out(*self._data, split, settings, self._seed)
        rows = self._rows
        held_out_metrics = metrics(churned[rows], probability[rows], weights[rows])
        self._scored.append(Candidate(settings, held_out_metrics))

    def best_first(self) -> list[Candidate]:
        """The candidates scored so far, by log loss."""
        return sorted(self._scored, key=lambda candidate: candidate.metrics["log_loss"])
