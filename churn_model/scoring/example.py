"""An example customer for a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from churn_model.dates import iso_dates, scoring_day
from churn_model.schema.column import Column
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import Scorecard
from churn_model.validation.checks import bounds


def example_customer(scorer: Scorer) -> dict[str, Any]:
    """A typical customer, as far as the scorecard's tables tell.

    A number is the middle one of its feature's cuts, which training puts at quantiles. A category
    has the level whose effect is closest to that of the average customer, which is 0.
    """
    return {column.name: _typical_value(column, scorer.scorecard) for column in scorer.schema}


def _typical_value(column: Column, scorecard: Scorecard) -> Any:
    if column.kind == "identifier":
        return "C-1001"
    if column.kind == "category":
        return column.levels[_weakest(_effects(scorecard, column.name), len(column.levels))]
    if column.kind == "boolean":
        return _weakest(_effects(scorecard, column.name), 2) == 1
    cuts = _cuts(scorecard, column.name)
    if column.kind == "date":
        days = cuts[len(cuts) // 2] if cuts else 1.0
        return iso_dates(np.array([scoring_day(None) - round(days)]))[0]
    return _typical_number(column, cuts)


def _typical_number(column: Column, cuts: Sequence[float]) -> float:
    if cuts:
        middle = cuts[len(cuts) // 2]
        candidates = [round(middle, 2), middle]
    else:
        limits = [column.minimum, column.maximum]
        candidates = [1.0, 0.0, *(limit for limit in limits if limit is not None)]
    if column.kind == "integer":
        candidates = [round(number) for number in candidates]
    return next((number for number in candidates if _allows(column, number)), candidates[0])


def _allows(column: Column, number: float) -> bool:
    """Whether a number is within the column's bounds."""
    return not any(is_broken(number, bound) for bound, is_broken, _ in bounds(column))


def _cuts(scorecard: Scorecard, feature: str) -> list[float]:
    """The finest cuts of a feature in any term; none if no term uses it."""
    of_terms: Iterable[list[float]] = (
        cuts
        for term in scorecard.terms
        for name, cuts in zip(term.features, term.cuts, strict=True)
        if name == feature
    )
    return max(of_terms, key=len, default=[])


def _effects(scorecard: Scorecard, feature: str) -> list[float]:
    """The effects of a feature's own term, without its entry for a missing value."""
    own = (term.scores[1:] for term in scorecard.terms if term.features == [feature])
    return next(own, [])


def _weakest(effects: Sequence[float], n: int) -> int:
    """Which of the first n effects is closest to 0; the first one if there are none."""
    return min(range(min(n, len(effects))), key=lambda i: abs(effects[i]), default=0)
