"""Merges the cells of a term into at most ten bins, with labels for readers.

The bins depend on the reference only, so they are the same for all windows. Most tests and measures
need them: on the cells themselves, sampling noise alone looks like drift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats
from churn_model.profile.score_bins import LOG_ODDS, PROBABILITY
from churn_model.scoring.scorecard import Scorecard, Term

MOST = 10
"""The largest number of merged bins, with those for missing values and unlisted levels."""

_INNER = MOST - 2


@dataclass(frozen=True)
class MergedBins:
    """``bin_of_cell`` (cells,): the merged bin of each cell. ``labels``: one for each bin.

    ``order`` (cells,): the cells from low to high: by value for a number, otherwise by score.
    """

    bin_of_cell: npt.NDArray[np.intp]
    labels: tuple[str, ...]
    order: npt.NDArray[np.intp]

    def count(self, cells: Floats) -> Floats:
        """The sum of the cells (cells,) in each merged bin."""
        return np.bincount(self.bin_of_cell, cells, len(self.labels)).astype(np.float64)


def merge_term(scorecard: Scorecard, term: Term, reference: Floats) -> MergedBins:
    """The merged bins of a term, given the reference counts (cells,)."""
    if len(term.features) == 2:
        return _merge_pair(term, reference)
    feature = next(f for f in scorecard.features if f.name == term.features[0])
    if feature.kind == "category":
        return _merge_levels(feature.categories, term, reference)
    return _merge_number(term.cuts[0], reference)


def merge_scores(reference: Floats) -> MergedBins:
    """The merged bins of the score histogram, given that of the reference (BINS,)."""
    bins = _of_equal_share(reference, MOST)
    edges = np.append(PROBABILITY, 1.0)
    labels = []
    for number in range(bins[-1] + 1):
        inside = np.flatnonzero(bins == number)
        low = 0.0 if inside[0] == 0 else (edges[inside[0] - 1] + edges[inside[0]]) / 2
        last = inside[-1] == len(LOG_ODDS) - 1
        high = 1.0 if last else (edges[inside[-1]] + edges[inside[-1] + 1]) / 2
        labels.append(f"{low:.1%} to {high:.1%}".replace("%", " %"))
    return MergedBins(bins, tuple(labels), np.arange(len(reference)))


def _merge_number(cuts: list[float], reference: Floats) -> MergedBins:
    inner = _of_equal_share(reference[1:-1], _INNER)
    bin_of_cell = np.concatenate([[0], inner + 1, [0]]).astype(np.intp)  # the last is never used
    labels = ["missing"]
    for number in range(inner[-1] + 1):
        inside = np.flatnonzero(inner == number)
        low = f"{cuts[inside[0] - 1]:,.6g}" if inside[0] > 0 else None
        high = f"{cuts[inside[-1]]:,.6g}" if inside[-1] < len(cuts) else None
        labels.append(_interval(low, high))
    return MergedBins(bin_of_cell, tuple(labels), np.arange(len(reference)))


def _interval(low: str | None, high: str | None) -> str:
    if low is None:
        return "all values" if high is None else f"below {high}"
    return f"{low} and above" if high is None else f"{low} to {high}"


def _merge_levels(levels: list[str], term: Term, reference: Floats) -> MergedBins:
    """The most common levels have a bin each; the others share one."""
    common = np.sort(np.argsort(-reference[1:-1], kind="stable")[: len(levels)])
    if len(levels) > _INNER:
        common = np.sort(np.argsort(-reference[1:-1], kind="stable")[: _INNER - 1])
    labels = ["missing", *(levels[level] for level in common)]
    bin_of_cell = np.full(len(reference), len(labels), dtype=np.intp)
    bin_of_cell[0] = 0
    bin_of_cell[1 + common] = 1 + np.arange(len(common))
    if len(common) < len(levels):
        labels.append("other levels")
    bin_of_cell[-1] = len(labels)
    order = np.argsort(term.scores, kind="stable")
    return MergedBins(bin_of_cell, (*labels, "unlisted"), order)


def _merge_pair(term: Term, reference: Floats) -> MergedBins:
    """Cells of a pair have no order of their own; they are merged by their scores."""
    scores = np.array(term.scores)
    order = np.argsort(scores, kind="stable")
    sorted_bins = _of_equal_share(reference[order], MOST)
    bin_of_cell = np.empty(len(order), dtype=np.intp)
    bin_of_cell[order] = sorted_bins
    labels = []
    for number in range(sorted_bins[-1] + 1):
        inside = scores[bin_of_cell == number]
        labels.append(f"effect {inside.min():+.3f} to {inside.max():+.3f}")
    return MergedBins(bin_of_cell, tuple(labels), order)


def _of_equal_share(reference: Floats, most: int) -> npt.NDArray[np.intp]:
    """Ascending bins (cells,), from 0, of about equal counts; a cell is never split."""
    total = reference.sum()
    if not total:
        return np.zeros(len(reference), dtype=np.intp)
    middle = (np.cumsum(reference) - reference / 2) / total
    bins = np.minimum((middle * most).astype(np.intp), most - 1)
    return np.unique(bins, return_inverse=True)[1].astype(np.intp)
