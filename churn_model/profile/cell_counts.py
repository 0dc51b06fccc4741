"""How many customers fall into each table cell of a scorecard, and into each bin of scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from churn_model.arrays import Floats
from churn_model.profile.score_bins import BINS, count_scores
from churn_model.scoring.lookup import Lookup


def _no_scores() -> Floats:
    return np.zeros(BINS)


@dataclass(frozen=True)
class CellCounts:
    """Counts of n customers; those of several groups of customers can be added.

    ``terms``: for each term of the scorecard, in its order, the customers per table cell (in
    row-major order, as ``Term.scores``); empty if only the scores are known. ``scores`` (BINS,):
    the customers per bin of scores. ``predicted`` (BINS,): those who are predicted to churn.
    ``revenue``, ``with_revenue`` (BINS,): of these, the sum of the campaign's revenue and the
    number of customers whose revenue is known; 0 without a campaign. ``rejected``: rows that were
    not scored, because they are invalid. ``rules``: the rejected rows by ``field:rule``.
    """

    terms: tuple[Floats, ...] = ()
    scores: Floats = field(default_factory=_no_scores)
    predicted: Floats = field(default_factory=_no_scores)
    revenue: Floats = field(default_factory=_no_scores)
    with_revenue: Floats = field(default_factory=_no_scores)
    rejected: float = 0.0
    rules: Mapping[str, float] = field(default_factory=dict)

    @property
    def scored(self) -> float:
        """The number of scored customers."""
        return float(self.scores.sum())

    @property
    def rejected_share(self) -> float:
        """The share (0..1) of rows that were rejected; 0 without rows."""
        rows = self.scored + self.rejected
        return self.rejected / rows if rows else 0.0

    def __add__(self, other: CellCounts) -> CellCounts:
        """The sum. The terms are unknown if they are unknown for customers of either."""
        rules = dict(self.rules)
        for rule, count in other.rules.items():
            rules[rule] = rules.get(rule, 0.0) + count
        return CellCounts(
            _added_terms(self, other),
            self.scores + other.scores,
            self.predicted + other.predicted,
            self.revenue + other.revenue,
            self.with_revenue + other.with_revenue,
            self.rejected + other.rejected,
            rules,
        )


def _added_terms(one: CellCounts, other: CellCounts) -> tuple[Floats, ...]:
    if not one.scored:
        return other.terms or one.terms
    if not other.scored:
        return one.terms or other.terms
    if not one.terms or not other.terms:
        return ()
    return tuple(a + b for a, b in zip(one.terms, other.terms, strict=True))


def count_cells(
    lookup: Lookup, values: Mapping[str, Any], weights: Any = None
) -> tuple[Floats, ...]:
    """For each term, the number of customers per table cell, or the sum of their weights (n,).

    ``values``: one column (n,) per feature, as ``Lookup.log_odds`` takes them.
    """
    return tuple(
        np.bincount(cells, weights, size).astype(np.float64)
        for cells, size in zip(lookup.cells(values), lookup.cell_numbers, strict=True)
    )


def count_customers(
    lookup: Lookup,
    values: Mapping[str, Any],
    probability: Floats,
    prediction: Any,
    revenue: Any = None,
) -> CellCounts:
    """The counts of n valid customers.

    ``values``: one column (n,) per feature. ``probability`` (n,) and ``prediction`` (n,): their
    scores. ``revenue`` (n,): of a model with a campaign, NaN if missing.
    """
    is_predicted = np.asarray(prediction) == 1
    counts = CellCounts(
        count_cells(lookup, values),
        count_scores(probability),
        count_scores(probability[is_predicted]),
    )
    if revenue is None:
        return counts
    is_known = is_predicted & ~np.isnan(revenue)
    return counts + CellCounts(
        revenue=count_scores(probability[is_known], revenue[is_known]),
        with_revenue=count_scores(probability[is_known]),
    )
