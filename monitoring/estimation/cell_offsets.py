"""How far a changed mix of customers changes the calibration.

Where held-out customers of a cell churned more often than predicted, a window with more of these
customers will as well. This weights the calibration errors by the cells of the window, as PAPE
weights customers (Białek, Nannini, Kuberski, Perrakis 2024, "Estimating model performance under
covariate shift without labels", arXiv 2401.08348). Cells have few churners, so their errors are
shrunk towards 0 by as much as sampling noise explains (Morris 1983, "Parametric empirical Bayes
inference", Journal of the American Statistical Association 78).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from churn_model.arrays import Floats
from churn_model.profile import CellCounts, MonitoringProfile, TermProfile


class Offset(NamedTuple):
    """An offset of the log-odds of all customers of a window, and its variance."""

    value: float
    variance: float


class _Errors(NamedTuple):
    """The calibration errors of a term's cells (cells,) in log-odds, and their variances."""

    value: Floats
    variance: Floats


def window_offset(counts: CellCounts, profile: MonitoringProfile) -> Offset:
    """The mean calibration error in the window's cells, minus that of the held-out customers.

    Pairs are left out, because they repeat the errors of their features. 0 if only the scores are
    known.
    """
    if not counts.terms or not counts.scored:
        return Offset(0.0, 0.0)
    value = variance = 0.0
    for term, cells in zip(profile.terms, counts.terms, strict=True):
        held_out = np.array(term.held_out)
        if len(term.features) > 1 or not held_out.sum():
            continue
        change = cells / cells.sum() - held_out / held_out.sum()
        errors = _errors(term, profile.held_out_customers / held_out.sum())
        value += float(change @ errors.value)
        variance += float(change**2 @ errors.variance)
    return Offset(value, variance)


def _errors(term: TermProfile, scale: float) -> _Errors:
    """``scale``: independent observations per unit of weight."""
    held_out, churners, expected = (
        np.array(counts) * scale for counts in (term.held_out, term.churners, term.expected)
    )
    if expected.sum():
        expected = expected * (churners.sum() / expected.sum())  # the total is calibrated already
    rate = np.divide(expected, held_out, out=np.zeros_like(expected), where=held_out > 0)
    information = expected * np.clip(1.0 - rate, 0.0, 1.0)
    spread = _variance_between_cells(churners - expected, information)
    return _Errors(
        spread * (churners - expected) / (1.0 + spread * information),
        spread / (1.0 + spread * information),
    )


def _variance_between_cells(residual: Floats, information: Floats) -> float:
    """The variance of the cells' true errors, by the method of moments; 0 if noise explains all."""
    squares = float(np.sum(information**2))
    return max(0.0, float(np.sum(residual**2 - information)) / squares) if squares else 0.0
