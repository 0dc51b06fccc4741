"""Compares a window with its reference, term by term, and the score histogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from churn_model.arrays import Floats
from churn_model.profile import CellCounts
from churn_model.profile.score_bins import LOG_ODDS
from churn_model.scoring.scorecard import Scorecard
from monitoring.drift.distances import jensen_shannon, kolmogorov_smirnov, psi
from monitoring.drift.merged_bins import MergedBins, merge_scores, merge_term
from monitoring.drift.reference import Reference
from monitoring.drift.significance import chi_squared
from monitoring.results import BinChange, TermDrift


class Comparison(NamedTuple):
    """A window against its reference; the p-values are not yet corrected for their number.

    ``shift``: of the mean log-odds. ``terms``: empty if only the scores are known. ``score``: of
    the score histogram, with ``score`` as its term.
    """

    shift: float
    terms: tuple[TermDrift, ...]
    score: TermDrift


def mean_log_odds(counts: CellCounts, scorecard: Scorecard) -> float:
    """The mean log-odds of the customers; without known terms, that of the score histogram.

    NaN without customers.
    """
    if not counts.scored:
        return float("nan")
    if not counts.terms:
        return float(counts.scores @ LOG_ODDS / counts.scored)
    return scorecard.intercept + sum(
        float(cells @ np.array(term.scores) / cells.sum())
        for term, cells in zip(scorecard.terms, counts.terms, strict=True)
    )


def compare(counts: CellCounts, reference: Reference, scorecard: Scorecard) -> Comparison:
    """Compare the customers of a window, at least one, with the reference."""
    return Comparer.of(reference, scorecard).compare(counts)


@dataclass(frozen=True)
class _Distribution:
    """Something that is counted: a term, or the score histogram.

    ``scores`` (cells,): the log-odds of its cells. ``reference`` (cells,): the independent
    observations of the reference in each.
    """

    name: str
    features: tuple[str, ...]
    scores: Floats
    merged: MergedBins
    reference: Floats

    def drift(self, window: Floats) -> TermDrift:
        """The change of a window with these counts (cells,)."""
        merged, reference = self.merged, self.reference
        parts = (window / window.sum() - reference / reference.sum()) * self.scores
        before, after = merged.count(reference), merged.count(window)
        return TermDrift(
            term=self.name,
            features=self.features,
            shift=float(parts.sum()),
            movement=float(np.abs(merged.count(parts)).sum()),
            psi=psi(before, after),
            js=jensen_shannon(before, after),
            ks=kolmogorov_smirnov(reference[merged.order], window[merged.order]),
            p_value=chi_squared(before, after),
            bins=_changes(merged, before, after),
        )


@dataclass(frozen=True)
class Comparer:
    """Compares windows with one reference, whose bins are merged once."""

    terms: tuple[_Distribution, ...]
    score: _Distribution

    @classmethod
    def of(cls, reference: Reference, scorecard: Scorecard) -> Comparer:
        """The comparer for a reference, which must have customers."""
        scale = reference.scored / reference.scores.sum()
        merged = merge_scores(reference.scores)
        score = _Distribution("score", (), LOG_ODDS, merged, reference.scores * scale)
        if not reference.terms:
            return cls((), score)
        terms = tuple(
            _Distribution(
                term.name,
                tuple(term.features),
                np.array(term.scores),
                merge_term(scorecard, term, cells),
                cells * (reference.customers / cells.sum()),
            )
            for term, cells in zip(scorecard.terms, reference.terms, strict=True)
        )
        return cls(terms, score)

    def compare(self, counts: CellCounts) -> Comparison:
        """Compare the customers of a window, at least one."""
        score = self.score.drift(counts.scores)
        if not counts.terms or not self.terms:
            return Comparison(score.shift, (), score)
        terms = tuple(
            term.drift(cells) for term, cells in zip(self.terms, counts.terms, strict=True)
        )
        return Comparison(sum(term.shift for term in terms), terms, score)


def _changes(merged: MergedBins, before: Floats, after: Floats) -> tuple[BinChange, ...]:
    shares = zip(merged.labels, before / before.sum(), after / after.sum(), strict=True)
    return tuple(BinChange(label, float(p), float(q)) for label, p, q in shares if p or q)
