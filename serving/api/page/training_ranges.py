"""Where the training rows are along each numerical feature, from the monitoring profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from churn_model.arrays import Floats
from churn_model.profile import MonitoringProfile
from churn_model.schema.column import INT64_MAX, INT64_MIN, Column
from churn_model.scoring.lookup import merged_cuts
from churn_model.scoring.scorecard import Scorecard

FEW_ROWS = 30
"""With fewer training rows nearby, a value is sparsely trained."""

_NEARBY = 0.05
"""The width of "nearby", as a share of the shown range."""
_SEVERAL = 0.02
"""The share of training rows from which an outermost bin is a part of the typical range."""
_BEYOND = 0.1
"""How far the shown range goes beyond the outermost cuts, as a share of the distance of these."""
_POINTS = 400


@dataclass(frozen=True)
class TrainingRange:
    """The values of a numerical feature.

    ``typical``: where nearly all training rows are, as far as the scorecard's cuts tell. ``shown``:
    a range to plot, which is somewhat wider, within the field's bounds. ``sparse``: the parts of it
    with fewer than FEW_ROWS training rows nearby, in ascending order; None if they are unknown.
    """

    typical: tuple[float, float]
    shown: tuple[float, float]
    sparse: list[tuple[float, float]] | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"typical": self.typical, "shown": self.shown, "sparse": self.sparse}


def training_range(
    column: Column, scorecard: Scorecard, profile: MonitoringProfile | None
) -> TrainingRange | None:
    """The range of a feature; None without cuts, as for a constant or a boolean."""
    if column.kind not in ("integer", "number", "date"):
        return None
    cuts = merged_cuts(column.name, scorecard.terms)
    if not cuts:
        return None
    shown = _shown(column, cuts[0], cuts[-1])
    own = _own_term(column.name, scorecard, profile)
    sparse = None if own is None else _sparse(*own, shown)
    return TrainingRange(_typical(column, cuts, own), shown, sparse)


def level_rows(
    column: Column, scorecard: Scorecard, profile: MonitoringProfile | None
) -> list[float] | None:
    """The training rows of each level of a category; None for other columns, and if unknown."""
    if profile is not None and column.kind == "category":
        for term, counted in zip(scorecard.terms, profile.terms, strict=True):
            if term.features == [column.name]:
                return counted.rows[1:-1]
    return None


def finite_bound(column: Column, name: str) -> float | None:
    """The ``minimum`` or ``maximum`` of a column, which may be exclusive; None without one."""
    bound: float | None = getattr(column, name)
    if bound is None:
        bound = getattr(column, f"exclusive_{name}")
    return None if bound in (INT64_MIN, INT64_MAX) else bound


def _shown(column: Column, low: float, high: float) -> tuple[float, float]:
    beyond = _BEYOND * (high - low) or max(1.0, abs(high) * _BEYOND)
    return max(low - beyond, _least(column)), min(high + beyond, _most(column))


def _least(column: Column) -> float:
    bound = finite_bound(column, "minimum")
    return -np.inf if bound is None else bound


def _most(column: Column) -> float:
    bound = finite_bound(column, "maximum")
    return np.inf if bound is None else bound


def _own_term(
    name: str, scorecard: Scorecard, profile: MonitoringProfile | None
) -> tuple[list[float], Floats] | None:
    """Cuts and training rows per bin of a feature's own term; None if the rows are unknown."""
    if profile is not None:
        for term, counted in zip(scorecard.terms, profile.terms, strict=True):
            if term.features == [name] and term.cuts[0]:
                return term.cuts[0], np.array(counted.rows[1:-1])
    return None


def _typical(
    column: Column, cuts: list[float], own: tuple[list[float], Floats] | None
) -> tuple[float, float]:
    """From the first cut to the last one.

    The values beyond are known for integers, which have a cut between any two of few values, and at
    the bounds of the field, if many rows are there, such as those without any refunds.
    """
    low, high = cuts[0], cuts[-1]
    if column.kind in ("integer", "date"):
        return float(np.floor(low)), float(np.ceil(high))
    if own is not None:
        rows = own[1] / max(own[1].sum(), 1.0)
        least, most = _least(column), _most(column)
        low = least if rows[0] > _SEVERAL and np.isfinite(least) else low
        high = most if rows[-1] > _SEVERAL and np.isfinite(most) else high
    return low, high


def _sparse(
    cuts: list[float], rows: Floats, shown: tuple[float, float]
) -> list[tuple[float, float]]:
    """The sparsely trained parts of a range; rows are taken to be evenly spread within a bin."""
    return _intervals(_edges(cuts, shown), np.concatenate([[0.0], np.cumsum(rows)]), shown)


def _edges(cuts: list[float], shown: tuple[float, float]) -> Floats:
    """The edges of a term's bins; the outermost ones end halfway to the ends of the range."""
    low, high = (shown[0] + cuts[0]) / 2, (shown[1] + cuts[-1]) / 2
    return np.maximum.accumulate([low, *cuts, high])


def _intervals(
    edges: Floats, rows: Floats, shown: tuple[float, float]
) -> list[tuple[float, float]]:
    points = np.linspace(*shown, _POINTS + 1)
    half = (shown[1] - shown[0]) * _NEARBY / 2
    nearby = np.interp(points + half, edges, rows) - np.interp(points - half, edges, rows)
    is_sparse = np.concatenate([[False], nearby < FEW_ROWS, [False]])
    changes = np.flatnonzero(np.diff(is_sparse.astype(np.int8)))
    starts, ends = changes[::2], changes[1::2] - 1
    return [(float(points[a]), float(points[b])) for a, b in zip(starts, ends, strict=True)]
