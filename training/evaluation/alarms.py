"""Signs of target leakage: features with information that is not known on the day of scoring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from training.data.categories import pooled
from training.data.special_columns import DISTINCT, is_identifier
from training.evaluation.metrics import Labels, roc_auc
from training.evaluation.slices import groups

LEAK_AUC = 0.99
_FEWEST = 30  # customers; smaller groups are of one class by chance too often
_CHANCE = 1e-9  # that all customers of a group are of one class, given the table's churn rate
_BANDS = 20


@dataclass(frozen=True)
class Alarm:
    """One sign of leakage. ``kind`` is a stable name; ``text`` says what was found and what to do.

    Kinds: ``identifier``, ``target_leakage``, ``missing`` (all customers without a value are of one
    class), ``one_sided`` (all customers of a group are).
    """

    kind: str
    feature: str
    text: str


def alarms(customers: pd.DataFrame, churned: Labels, schema: RecordSchema) -> list[Alarm]:
    """The signs of leakage in n customers and their labels (n,)."""
    return [
        alarm
        for column in schema.features
        for alarm in _column_alarms(column, customers[column.name], churned)
    ]


def _column_alarms(column: Column, values: pd.Series[Any], churned: Labels) -> Iterator[Alarm]:
    name = column.name
    if _is_identifier(column, values):
        yield Alarm(
            "identifier",
            name,
            f"{name} differs for nearly every customer, like an identifier: a model learns from it "
            "when a customer joined, or how the table was sorted. Exclude it",
        )
    auc = single_auc(column, values, churned)
    if auc > LEAK_AUC:
        yield Alarm(
            "target_leakage",
            name,
            f"{name} alone predicts churn with an AUC of {auc:.3f}, so it probably leaks the "
            "target: it was recorded after customers had left. Exclude it, or use its earlier "
            "value",
        )
    yield from _one_sided(column, values, churned)


def _one_sided(column: Column, values: pd.Series[Any], churned: Labels) -> Iterator[Alarm]:
    """Groups whose customers are all of one class, which chance does not explain."""
    rate, name = float(churned.mean()), column.name
    one_sided: dict[bool, list[tuple[str, int]]] = {True: [], False: []}
    for label, mask in groups(column, values, _BANDS):
        count, churners = int(mask.sum()), int(churned[mask].sum())
        chance = rate if churners else 1.0 - rate
        if count < _FEWEST or 0 < churners < count or count * np.log(chance) > np.log(_CHANCE):
            continue
        if label == "missing":
            who = _who(bool(churners), count)
            yield Alarm(
                "missing",
                name,
                f"{who} without {name} churned, so a missing value leaks the target. Find out why "
                "it is missing, or exclude it",
            )
        else:
            one_sided[bool(churners)].append((label, count))
    for everybody, parts in one_sided.items():
        if parts:
            who = _who(everybody, sum(count for _, count in parts))
            labels = ", ".join(label for label, _ in parts)
            yield Alarm(
                "one_sided",
                name,
                f"{who} with {name} {labels} churned: either the table lacks the others (new "
                "customers, for example), or the value leaks the target because it was recorded "
                "after customers had left",
            )


def _who(everybody: bool, count: int) -> str:
    return f"all {count:,} customers" if everybody else f"none of the {count:,} customers"


def single_auc(column: Column, values: pd.Series[Any], churned: Labels) -> float:
    """The AUC of one feature alone, in the better direction.

    A category is scored by its churn rate. Missing numbers rank first or last, whichever is better;
    a number that is known for one class only has an AUC of 0.5.
    """
    if column.kind in ("category", "boolean"):
        if column.kind == "category":
            values = pooled(values.astype(object), column.levels)
        rates = pd.Series(churned).groupby(values.to_numpy(), dropna=False).transform("mean")
        return roc_auc(churned, rates.to_numpy(np.float64))
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = ~np.isnan(numbers)
    if len(np.unique(churned[known])) < 2:
        return 0.5
    positions = (-np.inf, np.inf) if not known.all() else (0.0,)
    aucs = [roc_auc(churned, np.where(known, numbers, position)) for position in positions]
    return max(max(auc, 1.0 - auc) for auc in aucs)


def _is_identifier(column: Column, values: pd.Series[Any]) -> bool:
    known = values.dropna()
    if column.kind == "integer":
        return is_identifier(column.name, known.to_numpy())
    is_distinct = known.nunique() > DISTINCT * len(known)
    return column.kind == "category" and len(known) >= _FEWEST and is_distinct
