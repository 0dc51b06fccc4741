"""Which settings to fit with: the ones with the lowest held-out log loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold, train_test_split

from churn_model.schema import RecordSchema
from training.evaluation.metrics import Floats, Labels, metrics
from training.fitting.fit import STANDARD, Settings, score_unseen
from training.fitting.splits import Rows

FOLDS = 3
_MOST_ROWS = 20_000  # the order of the settings is known by then

CANDIDATES = (
    STANDARD,
    Settings("smooth", max_bins=64, max_interaction_bins=16, smoothing_rounds=300),
    Settings("additive", interactions=0),
)
"""As fitted by default; with coarser, smoother tables for small or noisy data; without pairs."""


@dataclass(frozen=True)
class Candidate:
    """Settings and their held-out metrics."""

    settings: Settings
    metrics: dict[str, float]


def candidates(interactions: int | None) -> tuple[Settings, ...]:
    """The settings to compare; a number of pairs that the user chose is not put to a vote."""
    if interactions is None:
        return CANDIDATES
    chosen = [replace(each, interactions=interactions) for each in CANDIDATES]
    return tuple(each for each in chosen if each.name != "additive")


def compare(
    customers: pd.DataFrame,
    churned: Labels,
    weights: Floats,
    schema: RecordSchema,
    known: Rows,
    settings: tuple[Settings, ...],
    *,
    seed: int = 0,
    step: Callable[[str], object] = lambda text: None,
) -> list[Candidate]:
    """Cross-validate each of the settings on (at most 20,000 of) the rows ``known``.

    The best comes first. The folds are others than those of the evaluation.
    """
    rows = known
    if len(known) > _MOST_ROWS:
        rows, _ = train_test_split(
            known, train_size=_MOST_ROWS, stratify=churned[known], random_state=seed
        )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed + 1)
    pairs = [(rows[a], rows[b]) for a, b in folds.split(rows, churned[rows])]
    found = []
    for each in settings:
        step(f"try {each.name}")
        probability = np.zeros(len(churned))
        for train, test in pairs:
            split = (train, test)
            probability[test] = score_unseen(customers, churned, weights, schema, split, each, seed)
        found.append(Candidate(each, metrics(churned[rows], probability[rows], weights[rows])))
    return sorted(found, key=lambda candidate: candidate.metrics["log_loss"])
