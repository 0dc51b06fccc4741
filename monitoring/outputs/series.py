"""Numbers of a population by window, for figures, tables and MLflow."""

from __future__ import annotations

import math

from churn_model.profile.score_bins import PROBABILITY
from monitoring.results import PopulationResult, TermDrift, WindowResult


def mean_score(result: WindowResult) -> float:
    """The mean probability; NaN without scored customers."""
    scored = result.window.counts.scored
    return float(result.window.counts.scores @ PROBABILITY) / scored if scored else math.nan


def predicted_share(result: WindowResult) -> float:
    """The share (0..1) of scored customers who are predicted to churn; NaN without any."""
    scored = result.window.counts.scored
    return float(result.window.counts.predicted.sum()) / scored if scored else math.nan


def rejected_share(result: WindowResult) -> float:
    """The share (0..1) of rows that were rejected; NaN without rows."""
    counts = result.window.counts
    return counts.rejected_share if counts.scored + counts.rejected else math.nan


def last_with_rows(result: PopulationResult) -> WindowResult | None:
    """The last window with scored customers; None without any."""
    return next((each for each in reversed(result.windows) if each.window.counts.scored), None)


def terms_by_movement(result: PopulationResult) -> list[str]:
    """The terms, those with the largest movement in any window first."""
    largest: dict[str, float] = {}
    for window in result.windows:
        for term in window.terms:
            largest[term.term] = max(largest.get(term.term, 0.0), term.movement)
    return sorted(largest, key=lambda name: -largest[name])


def strongest_terms(result: PopulationResult, most: int) -> list[TermDrift]:
    """The terms that moved most in the last window with terms; alarmed ones first."""
    window = next((each for each in reversed(result.windows) if each.terms), None)
    if window is None:
        return []
    alarmed = {alarm.subject for alarm in result.alarms}
    ranked = sorted(window.terms, key=lambda term: (term.term not in alarmed, -term.movement))
    return [term for term in ranked if term.bins][:most]
