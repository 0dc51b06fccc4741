"""How well one feature alone predicts churn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.arrays import Floats
from churn_model.schema.column import Column
from training.data.categories import pooled
from training.data.customers import CustomersOfRows
from training.evaluation.metrics import Labels, roc_auc, skill
from training.evaluation.slices import groups

BANDS = 20
"""Ranges of a number whose churn rates are compared."""

_FOLDS = 5
_PRIOR_ROWS = 10.0  # of the base rate, which are added to each group


def single_auc(
    column: Column,
    values: pd.Series[Any],
    churned: Labels,
    customers: CustomersOfRows | None = None,
) -> float:
    """The AUC of one feature alone, in the better direction.

    A category is scored by its churn rate among other customers. Missing numbers rank first or
    last, whichever is better.
    """
    if column.kind in ("category", "boolean"):
        if column.kind == "category":
            values = pooled(values.astype(object), column.levels)
        codes = pd.factorize(values, use_na_sentinel=False)[0].astype(np.intp)
        return _mean_auc(churned, *held_out_rates(codes, churned, customers))
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = ~np.isnan(numbers)
    positions = (-np.inf, np.inf) if not known.all() else (0.0,)
    aucs = [roc_auc(churned, np.where(known, numbers, position)) for position in positions]
    return max(max(auc, 1.0 - auc) for auc in aucs)


def lowest_auc(auc: float, churners: float, stayers: float) -> float:
    """The lower end of an AUC's confidence interval (one standard error).

    Hanley, McNeil 1982, "The meaning and use of the area under a receiver operating characteristic
    (ROC) curve", Radiology 143.
    """
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (
        auc * (1 - auc) + (churners - 1) * (one - auc**2) + (stayers - 1) * (two - auc**2)
    ) / (churners * stayers)
    return auc - float(np.sqrt(max(variance, 0.0)))


def single_skill(
    column: Column,
    values: pd.Series[Any],
    churned: Labels,
    customers: CustomersOfRows | None = None,
) -> float:
    """The share of the base rate's log loss that the feature's bands or levels remove alone."""
    codes = np.zeros(len(churned), dtype=np.intp)
    for number, (_, mask) in enumerate(groups(column, values, BANDS)):
        codes[mask] = number
    rates, _ = held_out_rates(codes, churned, customers)
    loss = -np.mean(np.where(churned == 1, np.log(rates), np.log1p(-rates)))
    return skill(float(loss), churned, np.ones(len(churned)))


def _mean_auc(churned: Labels, score: Floats, fold: npt.NDArray[np.intp]) -> float:
    """The mean AUC within the folds, because scores of different folds are not comparable."""
    parts = [(churned[fold == number], score[fold == number]) for number in range(_FOLDS)]
    aucs = [roc_auc(*part) for part in parts if len(np.unique(part[0])) == 2]
    return float(np.mean(aucs)) if aucs else 0.5


def held_out_rates(
    codes: npt.NDArray[np.intp], churned: Labels, customers: CustomersOfRows | None = None
) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Each row's fold (n,), and its group's churn rate (n,) in the other folds, between 0 and 1.

    ``codes`` (n,): the group of each row. Returns the rates first. A group of few customers would
    otherwise be described by its own outcome.
    """
    of_rows = customers or CustomersOfRows.one_per_row(len(codes))
    fold = np.random.default_rng(0).integers(0, _FOLDS, of_rows.n)[of_rows.code]
    size = int(codes.max()) + 1
    cells = fold * size + codes
    rows = np.bincount(cells, minlength=_FOLDS * size).reshape(_FOLDS, size)
    churners = np.bincount(cells, churned, minlength=_FOLDS * size).reshape(_FOLDS, size)
    others, churners_of_others = rows.sum(axis=0) - rows, churners.sum(axis=0) - churners
    prior = _PRIOR_ROWS * float(churned.mean())
    rates: Floats = (churners_of_others + prior) / (others + _PRIOR_ROWS)
    return rates[fold, codes], fold.astype(np.intp)
