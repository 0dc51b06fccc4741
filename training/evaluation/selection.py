"""Selects the fit settings with the lowest held-out log loss."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from churn_model.arrays import Floats, Rows
from churn_model.schema import RecordSchema
from training.data.customers import CustomersOfRows
from training.evaluation.metrics import Labels, metrics
from training.fitting.fit import STANDARD, FitSettings, score_held_out
from training.fitting.splits import customer_folds, customer_strata

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

    The folds differ from those of the evaluation. A customer's rows are in the same fold.
    """

    def __init__(
        self,
        customers: pd.DataFrame,
        churned: Labels,
        weights: Floats,
        schema: RecordSchema,
        development: Rows,
        seed: int = 0,
        *,
        customers_of_rows: CustomersOfRows | None = None,
    ) -> None:
        self._data = customers, churned, weights, schema
        self._customers = customers_of_rows or CustomersOfRows.one_per_row(len(churned))
        self._seed = seed
        rows = self._rows = self._sample(development)
        folds = customer_folds(churned[rows], self._customers.take(rows), FOLDS, seed + 1)
        self._splits = [(rows[train], rows[test]) for train, test in folds]
        self._scored: list[Candidate] = []

    def _sample(self, development: Rows) -> Rows:
        """All rows of as many customers as have about _MOST_ROWS rows."""
        if len(development) <= _MOST_ROWS:
            return development
        customers = self._customers.take(development)
        chosen, _ = train_test_split(
            np.arange(customers.n),
            train_size=_MOST_ROWS / len(development),
            stratify=customer_strata(self._data[1][development], customers),
            random_state=self._seed,
        )
        return development[customers.rows_of(chosen)]

    def score(self, settings: FitSettings) -> None:
        """Score one candidate on held-out rows."""
        _, churned, weights, _ = self._data
        probability = np.zeros(len(churned))
        for split in self._splits:
            probability[split[1]] = score_held_out(
                *self._data, split, settings, self._seed, self._customers
            )
        rows = self._rows
        held_out_metrics = metrics(churned[rows], probability[rows], weights[rows])
        self._scored.append(Candidate(settings, held_out_metrics))

    def best_first(self) -> list[Candidate]:
        """The candidates scored so far, by log loss."""
        return sorted(self._scored, key=lambda candidate: candidate.metrics["log_loss"])
