"""Scores with a scorecard: table lookups for many rows (numpy) and for one row (plain Python).

All cuts of a feature, from its own term and from its pairs, are merged into one sorted list. Each
value is binned once; every term then looks up its score by that bin, with ``take``, which needs
half the time of ``[]``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats
from churn_model.scoring.scorecard import Feature, Scorecard, Term, term_shape

Bins: TypeAlias = npt.NDArray[np.int32]

_FEW = 16  # rows; up to here one row at a time is faster than numpy
_CHUNK = 16_384  # rows; the temporary arrays of a chunk fit in the processor's cache


def merged_cuts(name: str, terms: Sequence[Term]) -> list[float]:
    """The cuts of a feature in all of these terms, ascending and each once."""
    return sorted(
        {
            cut
            for term in terms
            for feature, cuts in zip(term.features, term.cuts, strict=True)
            if feature == name
            for cut in cuts
        }
    )


class Axis:
    """The merged cuts of one feature.

    Bin 0 is for a missing value, the last bin for an unlisted category level; the others are in
    ascending order of values, or in the order of levels.
    """

    def __init__(self, feature: Feature, terms: Sequence[Term]) -> None:
        self.is_category = feature.kind == "category"
        self.cuts = merged_cuts(feature.name, terms)
        self.size = (len(feature.categories) + 2) if self.is_category else len(self.cuts) + 3
        self._search = _Search(np.array(self.cuts))

    def bins(self, values: npt.NDArray[Any]) -> Bins:
        """Bins (n,) of numbers with NaN for missing, or of category codes with -1 for missing."""
        if self.is_category:
            level_bins: Bins = (values + 1).astype(np.int32)
            return level_bins
        missing = np.isnan(values)
        if not missing.any():
            return self._search(values)
        bins: Bins = self._search(np.where(missing, 0.0, values))
        bins[missing] = 0
        return bins

    def term_bins(self, cuts: Sequence[float]) -> Bins:
        """The bin of a term with these ``cuts``, for each bin of this axis (size,)."""
        if self.is_category:
            return np.arange(self.size, dtype=np.int32)
        inner = 1 + np.searchsorted(np.array(cuts), np.array(self.cuts), side="right")
        return np.concatenate([[0, 1], inner, [len(cuts) + 2]]).astype(np.int32)


class _Search:
    """``1 + np.searchsorted(cuts, values, side="right")``, faster for few cuts and many values.

    The range is divided into equal cells, so a value's cell takes one multiplication. ``before``
    counts the cuts in earlier cells; only the cuts in the value's own cell are compared. The cell
    is a monotone function of the value, even after rounding, so the result is exact. Values must
    not be NaN. Overflow of large numbers is harmless; the caller silences numpy's warning.
    """

    _MOST_STEPS = 4

    def __init__(self, cuts: Floats) -> None:
        self.cuts = cuts
        self.steps = -1
        with np.errstate(over="ignore"):
            self._make_cells()

    def _make_cells(self) -> None:
        """Find the fewest cells with few cuts in each; without, there are no ``steps``."""
        cuts = self.cuts
        span = cuts[-1] - cuts[0] if len(cuts) > 1 else np.inf
        for cells in (1024, 8192, 65_536):
            self.low, self.top, self.scale = cuts[:1], cells - 1, cells / span
            if not np.isfinite(self.scale) or self.scale == 0:
                return
            counts = np.bincount(self._cells(cuts), minlength=cells)
            if counts.max() <= self._MOST_STEPS:
                self.steps = int(counts.max())
                self.before = (1 + np.cumsum(counts) - counts).astype(np.int32)
                # the next cut of each result; no value passes NaN
                self.next = np.concatenate([[np.nan], cuts, np.full(self.steps, np.nan)])
                return

    def _cells(self, values: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
        position = values - self.low
        position *= self.scale  # infinity is clipped to the last cell
        np.maximum(position, 0.0, out=position)
        np.minimum(position, self.top, out=position)
        cells: npt.NDArray[np.intp] = position.astype(np.intp)
        return cells

    def __call__(self, values: npt.NDArray[Any]) -> Bins:
        if self.steps < 0:
            plain: Bins = np.searchsorted(self.cuts, values, side="right").astype(np.int32)
            plain += 1
            return plain
        bins: Bins = self.before.take(self._cells(values))
        for _ in range(self.steps):
            # a value at or above the next cut passes it; the cuts ascend, so none is skipped
            bins += values >= self.next.take(bins)
        return bins


class Lookup:
    """Computes log-odds and effects of a scorecard.

    The methods take and return columns in the order of ``features``.
    """

    def __init__(self, scorecard: Scorecard) -> None:
        self.features = tuple(feature.name for feature in scorecard.features)
        self.intercept = scorecard.intercept
        self._axes = [Axis(feature, scorecard.terms) for feature in scorecard.features]
        self._cuts = [None if axis.is_category else axis.cuts for axis in self._axes]
        position = {name: i for i, name in enumerate(self.features)}
        self._main: list[tuple[int, Floats]] = []
        self._pairs: list[tuple[int, int, Bins, Bins, Floats]] = []
        self._cells: list[tuple[tuple[int, Bins], ...]] = []
        for term in scorecard.terms:
            table = np.array(term.scores, dtype=np.float64)
            maps = [
                self._axes[position[name]].term_bins(cuts)
                for name, cuts in zip(term.features, term.cuts, strict=True)
            ]
            if len(term.features) == 1:
                self._main.append((position[term.features[0]], table[maps[0]]))
            else:
                first, second = (position[name] for name in term.features)
                maps[0] = maps[0] * np.int32(term_shape(scorecard, term)[1])
                self._pairs.append((first, second, maps[0], maps[1], table))
            self._cells.append(
                tuple((position[n], m) for n, m in zip(term.features, maps, strict=True))
            )
        self.cell_numbers = tuple(len(term.scores) for term in scorecard.terms)
        # the same tables as Python lists: a single row is faster without numpy
        self._main_lists = [(i, table.tolist()) for i, table in self._main]
        self._pair_lists = [
            (i, j, rows.tolist(), columns.tolist(), table.tolist())
            for i, j, rows, columns, table in self._pairs
        ]

    def log_odds(self, values: Mapping[str, npt.NDArray[Any]]) -> Floats:
        """Log-odds of churn (n,), from one column (n,) per feature."""
        columns = [values[name] for name in self.features]
        n = len(columns[0])
        if n <= _FEW:
            rows = zip(*(column.tolist() for column in columns), strict=True)
            return np.array([self.log_odds_one(row) for row in rows], dtype=np.float64)
        result = np.empty(n)
        for start in range(0, n, _CHUNK):
            chunk = slice(start, start + _CHUNK)
            result[chunk] = self._log_odds([column[chunk] for column in columns])
        return result

    def _log_odds(self, columns: Sequence[npt.NDArray[Any]]) -> Floats:
        bins = self._bins(columns)
        total = np.full(len(columns[0]), self.intercept)
        for i, table in self._main:
            total += table.take(bins[i])
        for i, j, rows, width, table in self._pairs:
            total += table.take(rows.take(bins[i]) + width.take(bins[j]))
        return total

    def effects(self, values: Mapping[str, npt.NDArray[Any]]) -> Floats:
        """The effect of each feature on the log-odds (n, features).

        A pair's effect is split evenly. ``intercept + effects.sum(axis=1)`` is the log-odds.
        """
        columns = [values[name] for name in self.features]
        bins = self._bins(columns)
        result = np.zeros((len(columns[0]), len(columns)))
        for i, table in self._main:
            result[:, i] += table.take(bins[i])
        for i, j, rows, width, table in self._pairs:
            half = table.take(rows.take(bins[i]) + width.take(bins[j])) / 2
            result[:, i] += half
            result[:, j] += half
        return result

    def cells(self, values: Mapping[str, npt.NDArray[Any]]) -> list[Bins]:
        """The table cell of each row (n,) for each term of the scorecard, in its order.

        A cell is an index into ``Term.scores``; ``cell_numbers`` has the cells per term.
        """
        bins = self._bins([values[name] for name in self.features])
        return [_cell(bins, maps) for maps in self._cells]

    def log_odds_one(self, values: Sequence[float | None]) -> float:
        """Log-odds of one row, with its values in the order of ``features``."""
        bins = self._bins_of_one(values)
        total = self.intercept
        for i, table in self._main_lists:
            total += table[bins[i]]
        for i, j, rows, columns, table in self._pair_lists:
            total += table[rows[bins[i]] + columns[bins[j]]]
        return total

    def effects_one(self, values: Sequence[float | None]) -> list[float]:
        """The effect of each feature on the log-odds of one row."""
        bins = self._bins_of_one(values)
        result = [0.0] * len(bins)
        for i, table in self._main_lists:
            result[i] += table[bins[i]]
        for i, j, rows, columns, table in self._pair_lists:
            half = table[rows[bins[i]] + columns[bins[j]]] / 2
            result[i] += half
            result[j] += half
        return result

    def _bins_of_one(self, values: Sequence[float | None]) -> list[int]:
        """Bins of numbers (None or NaN for missing) and of category codes (None for missing).

        Integers are compared as floats, as numpy does: beyond 2^53, they may be rounded to a cut.
        """
        return [
            0
            if value is None or value != value
            else 1 + (int(value) if cuts is None else bisect_right(cuts, value + 0.0))
            for cuts, value in zip(self._cuts, values, strict=True)
        ]

    def _bins(self, columns: Sequence[npt.NDArray[Any]]) -> list[Bins]:
        with np.errstate(over="ignore"):
            return [axis.bins(column) for axis, column in zip(self._axes, columns, strict=True)]


def _cell(bins: Sequence[Bins], maps: Sequence[tuple[int, Bins]]) -> Bins:
    (i, rows), *second = maps
    cells: Bins = rows.take(bins[i])
    for j, columns in second:
        cells = cells + columns.take(bins[j])
    return cells
