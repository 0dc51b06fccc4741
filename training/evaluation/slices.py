"""How well each group of customers is served: categories, and bands of each number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from training.data.categories import OTHER
from training.evaluation.evaluation import HeldOut
from training.evaluation.intervals import standard_error
from training.evaluation.metrics import log_losses

BANDS = 5
_FEWEST = 50  # customers that a group needs before anything is said against it
_ERRORS, _GAP = 4.0, 0.03  # a group is served badly beyond both: standard errors, and churn rate

Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Slice:
    """One group of the held-out customers.

    ``seen`` and ``predicted``: its churn rate and what was predicted, 0..1, and ``error``: the
    standard error of their difference. ``auc``: None where all of a group did the same.
    """

    feature: str
    label: str
    customers: int
    seen: float
    predicted: float
    error: float
    log_loss: float
    auc: float | None

    @property
    def is_off(self) -> bool:
        """Whether the prediction is wrong by more than chance, and by enough to matter."""
        gap = abs(self.predicted - self.seen)
        return self.customers >= _FEWEST and gap > max(_GAP, _ERRORS * self.error)


def slices(customers: pd.DataFrame, schema: RecordSchema, held_out: HeldOut) -> list[Slice]:
    """Each feature's groups in turn; those of one feature add up to all held-out customers."""
    table = customers.iloc[held_out.rows]
    return [
        _slice(column.name, label, mask, held_out)
        for column in schema.features
        for label, mask in groups(column, table[column.name])
    ]


def groups(
    column: Column, values: pd.Series[Any], bands: int = BANDS
) -> Iterator[tuple[str, Mask]]:
    """The groups of one feature that have customers, each a label and a mask (n,)."""
    missing = values.isna().to_numpy()
    other = np.zeros(len(values), dtype=bool)
    if column.kind in ("category", "boolean"):
        known: list[Any] = list(column.levels) or [False, True]
        found = [
            (str(choice), (values == choice).to_numpy(dtype=bool, na_value=False))
            for choice in known
        ]
        if column.allows_unlisted:
            other = ~missing & ~values.isin(known).to_numpy()
    else:
        found = list(_bands(column, values.to_numpy(dtype=np.float64, na_value=np.nan), bands))
    for label, mask in [*found, (OTHER, other), ("missing", missing)]:
        if mask.any():
            yield label, mask


def _bands(
    column: Column, values: npt.NDArray[np.float64], bands: int
) -> Iterator[tuple[str, Mask]]:
    """Bands of about equal count; equal values are never in two of them."""
    known = values[~np.isnan(values)]
    if not len(known):
        return
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bands + 1), method="higher"))
    starts = edges[:-1] if len(edges) > 1 else edges
    place = np.searchsorted(starts, values, side="right") - 1
    for number in range(len(starts)):
        mask = (place == number) & ~np.isnan(values)
        inside = values[mask]
        low, high = inside.min(), inside.max()
        yield (_number(column, low) if low == high else _range(column, low, high)), mask


def _range(column: Column, low: float, high: float) -> str:
    return f"{_number(column, low)} to {_number(column, high)}"


def _number(column: Column, value: float) -> str:
    return f"{value:,.0f}" if column.kind == "integer" else f"{value:,.4g}"


def _slice(feature: str, label: str, mask: Mask, held_out: HeldOut) -> Slice:
    churned, weights = held_out.churned[mask], held_out.weights[mask]
    probability = held_out.probability[mask]
    customers = np.unique(held_out.rows[mask])
    both = 0 < churned.sum() < len(churned)
    return Slice(
        feature,
        label,
        len(customers),
        float(np.average(churned, weights=weights)),
        float(np.average(probability, weights=weights)),
        standard_error(probability - churned, weights, held_out.rows[mask]),
        float(np.average(log_losses(churned, probability), weights=weights)),
        float(roc_auc_score(churned, probability, sample_weight=weights)) if both else None,
    )
