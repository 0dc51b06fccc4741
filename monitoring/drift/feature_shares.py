"""The shares of missing values and unlisted levels, from the counts per table cell."""

from __future__ import annotations

from churn_model.arrays import Floats
from churn_model.profile import CellCounts
from churn_model.scoring.scorecard import Scorecard, term_shape


def missing_shares(counts: CellCounts, scorecard: Scorecard) -> dict[str, float]:
    """By feature, the share (0..1) of customers with a missing value.

    Features that no term uses are left out, and all features if only the scores are known.
    """
    return {
        name: float(by_bin[0] / by_bin.sum()) for name, by_bin in _counts(counts, scorecard).items()
    }


def unlisted_shares(counts: CellCounts, scorecard: Scorecard) -> dict[str, float]:
    """By category, the share (0..1) of customers with a level that the scorecard does not list."""
    categories = {feature.name for feature in scorecard.features if feature.kind == "category"}
    return {
        name: float(by_bin[-1] / by_bin.sum())
        for name, by_bin in _counts(counts, scorecard).items()
        if name in categories
    }


def _counts(counts: CellCounts, scorecard: Scorecard) -> dict[str, Floats]:
    """By feature, the customers per bin of a term that uses it; all terms give the same ends."""
    found: dict[str, Floats] = {}
    if not counts.scored or not counts.terms:
        return found
    for term, cells in zip(scorecard.terms, counts.terms, strict=True):
        table = cells.reshape(term_shape(scorecard, term))
        for axis, name in enumerate(term.features):
            others = tuple(other for other in range(table.ndim) if other != axis)
            found.setdefault(name, table.sum(axis=others))
    return found
