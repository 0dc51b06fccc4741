"""How far a changed mix of customers changes the calibration.

Where held-out customers of a cell churned more often than predicted, a window with more of these
customers will as well. This weights the calibration errors by the cells of the window, as PAPE
weights customers (Białek, Nannini, Kuberski, Perrakis 2024, "Estimating model performance under
covariate shift without labels", arXiv 2401.08348). Cells have few churners, so their errors are
shrunk towards 0 by as much as sampling noise explains (Morris 1983, "Parametric empirical Bayes
inference", Journal of the American Statistical Association 78).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from churn_model.arrays import Floats
from churn_model.profile import CellCounts, MonitoringProfile, TermProfile


class Offset(NamedTuple):
    """An offset of the log-odds of all customers of a window, and its variance."""

    value: float
    variance: float


class CellErrors(NamedTuple):
    """The calibration errors of a term's cells (cells,) in log-odds, and their variances.

    ``shares`` (cells,): of the held-out customers.
    """

    value: Floats
    variance: Floats
    shares: Floats


def cell_errors(profile: MonitoringProfile) -> dict[int, CellErrors]:
    """The errors of each term with one feature, by its position.

    Pairs are left out, because they repeat the errors of their features.
    """
    return {
        position: _errors(term, profile.held_out_customers / sum(term.held_out))
        for position, term in enumerate(profile.terms)
        if len(term.features) == 1 and any(term.held_out)
    }


def window_offset(counts: CellCounts, errors: Mapping[int, CellErrors]) -> Offset:
    """The mean calibration error in the window's cells, minus that of the held-out customers.

    0 if only the scores are known.
    """
    if not counts.terms or not counts.scored:
        return Offset(0.0, 0.0)
    value = variance = 0.0
    for position, error in errors.items():
        cells = counts.terms[position]
        change = cells / cells.sum() - error.shares
        value += float(change @ error.value)
        variance += float(change**2 @ error.variance)
    return Offset(value, variance)


def _errors(term: TermProfile, scale: float) -> CellErrors:
    """``scale``: independent observations per unit of weight."""
    held_out, churners, expected = (
        np.array(counts) * scale for counts in (term.held_out, term.churners, term.expected)
    )
    if expected.sum():
        expected = expected * (churners.sum() / expected.sum())  # the total is calibrated already
    rate = np.divide(expected, held_out, out=np.zeros_like(expected), where=held_out > 0)
    information = expected * np.clip(1.0 - rate, 0.0, 1.0)
    spread = _variance_between_cells(churners - expected, information)
    return CellErrors(
        spread * (churners - expected) / (1.0 + spread * information),
        spread / (1.0 + spread * information),
        held_out / held_out.sum(),
    )


def _variance_between_cells(residual: Floats, information: Floats) -> float:
    """The variance of the cells' true errors, by the method of moments; 0 if noise explains all."""
    squares = float(np.sum(information**2))
    return max(0.0, float(np.sum(residual**2 - information)) / squares) if squares else 0.0
