"""How well the scorecard predicts each slice: each category level, and each range of a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.arrays import Mask
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from training.data.categories import OTHER
from training.evaluation.evaluation import HeldOut
from training.evaluation.intervals import standard_error
from training.evaluation.metrics import log_losses, roc_auc

BANDS = 5
_MOST_GROUPS = 20  # of an audited column
_FEWEST = 50  # customers of a slice that can be called miscalibrated
_STANDARD_ERRORS, _GAP = 4.0, 0.03  # a miscalibrated slice's gap in churn rate exceeds both


@dataclass(frozen=True)
class Slice:
    """The metrics of one group of held-out customers.

    ``observed`` and ``predicted``: its churn rate and mean probability (0..1). ``standard_error``:
    of their difference. ``auc``: None unless both classes occur.

    The rest is about the decision. ``selection_rate``: the share (0..1) predicted to churn.
    ``recall``: that share among those who churned (None without any). ``false_positive_rate``: that
    share among those who stayed (None without any).
    """

    feature: str
    label: str
    customers: int
    observed: float
    predicted: float
    standard_error: float
    log_loss: float
    auc: float | None
    selection_rate: float
    recall: float | None
    false_positive_rate: float | None

    @property
    def is_miscalibrated(self) -> bool:
        """Whether predicted and observed churn rate differ significantly.

        The difference must also be more than 3 percentage points.
        """
        gap = abs(self.predicted - self.observed)
        allowed = max(_GAP, _STANDARD_ERRORS * self.standard_error)
        return self.customers >= _FEWEST and gap > allowed


def slices(
    customers: pd.DataFrame,
    schema: RecordSchema,
    held_out: HeldOut,
    predicted: Mask | None = None,
    audit: pd.DataFrame | None = None,
) -> list[Slice]:
    """The slices of each feature in turn; those of one feature cover all held-out customers.

    ``predicted`` (k,): which scores predict churn; by default those from 0.5 on. ``audit``: more
    columns (n,) of strings to slice by.
    """
    selected = held_out.probability >= 0.5 if predicted is None else predicted
    columns = [(column, customers[column.name]) for column in schema.features]
    if audit is not None:
        columns += [(_audited(audit[name]), audit[name]) for name in audit]
    return [
        _slice(column.name, label, mask, held_out, selected[mask])
        for column, values in columns
        for label, mask in groups(column, values.iloc[held_out.rows])
    ]


def _audited(values: pd.Series[Any]) -> Column:
    """An audited column: its largest groups, with the other ones together."""
    levels = tuple(map(str, values.value_counts().index[:_MOST_GROUPS]))
    return Column(str(values.name), "category", required=False, levels=levels, allows_unlisted=True)


def groups(
    column: Column,
    values: pd.Series[Any],
    bands: int = BANDS,
    starts: npt.NDArray[np.float64] | None = None,
) -> Iterator[tuple[str, Mask]]:
    """The groups of one feature that have customers: a label and a mask (n,) each.

    ``starts`` (m,): numbers at which a band starts in addition to the bands of equal count.
    """
    missing = values.isna().to_numpy()
    unlisted = np.zeros(len(values), dtype=bool)
    if column.kind in ("category", "boolean"):
        levels: list[Any] = list(column.levels) or [False, True]
        labelled = [
            (str(level), (values == level).to_numpy(dtype=bool, na_value=False)) for level in levels
        ]
        if column.allows_unlisted:
            unlisted = ~missing & ~values.isin(levels).to_numpy()
    else:
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        labelled = list(_bands(column, numbers, bands, starts))
    for label, mask in [*labelled, (OTHER, unlisted), ("missing", missing)]:
        if mask.any():
            yield label, mask


def _bands(
    column: Column,
    values: npt.NDArray[np.float64],
    bands: int,
    more_starts: npt.NDArray[np.float64] | None,
) -> Iterator[tuple[str, Mask]]:
    """Ranges of about equal count; equal values always share a range."""
    known = values[~np.isnan(values)]
    if not len(known):
        return
    edges = np.quantile(known, np.linspace(0, 1, bands + 1), method="higher")
    edges = np.unique(edges if more_starts is None else np.concatenate([edges, more_starts]))
    starts = edges[:-1] if len(edges) > 1 else edges
    band = np.searchsorted(starts, values, side="right") - 1
    for index in range(len(starts)):
        mask = (band == index) & ~np.isnan(values)
        low, high = values[mask].min(), values[mask].max()
        yield (_number(column, low) if low == high else _range(column, low, high)), mask


def _range(column: Column, low: float, high: float) -> str:
    return f"{_number(column, low)} to {_number(column, high)}"


def _number(column: Column, value: float) -> str:
    return f"{value:,.0f}" if column.kind == "integer" else f"{value:,.4g}"


def _slice(feature: str, label: str, mask: Mask, held_out: HeldOut, selected: Mask) -> Slice:
    churned, weights = held_out.churned[mask], held_out.weights[mask]
    probability, of_customer = held_out.probability[mask], held_out.customers[mask]
    has_both_classes = 0 < churned.sum() < len(churned)
    return Slice(
        feature=feature,
        label=label,
        customers=len(np.unique(of_customer)),
        observed=float(np.average(churned, weights=weights)),
        predicted=float(np.average(probability, weights=weights)),
        standard_error=standard_error(probability - churned, weights, of_customer),
        log_loss=float(np.average(log_losses(churned, probability), weights=weights)),
        auc=roc_auc(churned, probability, weights) if has_both_classes else None,
        selection_rate=float(np.average(selected, weights=weights)),
        recall=_share(selected, weights, churned == 1),
        false_positive_rate=_share(selected, weights, churned == 0),
    )


def _share(selected: Mask, weights: npt.NDArray[np.float64], among: Mask) -> float | None:
    """The weighted share (0..1) of the customers in a mask that are selected; None if empty."""
    if not among.any():
        return None
    return float(np.average(selected[among], weights=weights[among]))
