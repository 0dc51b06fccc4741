"""Signs that a table tells more than anybody knows on the day of scoring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from churn_model.column import Column
from churn_model.schema import RecordSchema
from training.categories import pooled
from training.metrics import Labels
from training.slices import groups

LEAK_AUC = 0.99
_DISTINCT = 0.95  # share of different values from which a whole number looks like an identifier
_FEWEST = 30  # customers; what fewer than these do may be chance
_CHANCE = 1e-9  # of a group's customers all doing the same at the table's churn rate
_BANDS = 20


@dataclass(frozen=True)
class Alarm:
    """One sign. ``kind`` is a stable name, ``text`` says what was seen and what to do."""

    kind: str
    feature: str
    text: str


def alarms(customers: pd.DataFrame, churned: Labels, schema: RecordSchema) -> list[Alarm]:
    """What looks like a leak in n customers and their labels (n,)."""
    return [
        alarm
        for column in schema.features
        for alarm in _of(column, customers[column.name], churned)
    ]


def _of(column: Column, values: pd.Series[Any], churned: Labels) -> Iterator[Alarm]:
    name = column.name
    if _is_identifier(column, values):
        yield Alarm(
            "identifier",
            name,
            f"{name} is different for nearly every customer, as an identifier is: a model learns "
            "from it when somebody joined or in which order the table was written. Leave it out",
        )
    auc = single_auc(column, values, churned)
    if auc > LEAK_AUC:
        yield Alarm(
            "answer",
            name,
            f"{name} alone tells who churned (AUC {auc:.3f}), so it was probably written down "
            "afterwards. Leave it out, or take it as it was before",
        )
    yield from _one_sided(column, values, churned)


def _one_sided(column: Column, values: pd.Series[Any], churned: Labels) -> Iterator[Alarm]:
    """Groups in which everybody did the same, though chance would hardly have it so."""
    rate, name = float(churned.mean()), column.name
    found: dict[bool, list[tuple[str, int]]] = {True: [], False: []}
    for label, mask in groups(column, values, _BANDS):
        count, lost = int(mask.sum()), int(churned[mask].sum())
        chance = rate if lost else 1.0 - rate
        if count < _FEWEST or 0 < lost < count or count * np.log(chance) > np.log(_CHANCE):
            continue
        if label == "missing":
            who = _who(bool(lost), count)
            yield Alarm(
                "missing",
                name,
                f"{who} without {name} churned: that it is missing gives the answer away. Find out "
                "why it is missing",
            )
        else:
            found[bool(lost)].append((label, count))
    for everybody, parts in found.items():
        if parts:
            who = _who(everybody, sum(count for _, count in parts))
            labels = ", ".join(label for label, _ in parts)
            yield Alarm(
                "one_sided",
                name,
                f"{who} with {name} {labels} churned: some of the others were probably left out of "
                "the table (new customers, for example), or it was written down afterwards",
            )


def _who(everybody: bool, count: int) -> str:
    return f"all {count:,} customers" if everybody else f"none of the {count:,} customers"


def single_auc(column: Column, values: pd.Series[Any], churned: Labels) -> float:
    """The AUC of one feature by itself, whichever direction and wherever its missing values go."""
    if column.kind in ("category", "boolean"):
        if column.kind == "category":
            values = pooled(values.astype(object), column.choices)
        score = pd.Series(churned).groupby(values.to_numpy(), dropna=False).transform("mean")
        return float(roc_auc_score(churned, score))
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = ~np.isnan(numbers)
    if len(np.unique(churned[known])) < 2:
        return 0.5
    best = 0.0
    for direction in (1.0, -1.0):
        ranked = direction * numbers
        for place in (np.nanmin(ranked) - 1, np.nanmax(ranked) + 1):
            best = max(best, float(roc_auc_score(churned, np.where(known, ranked, place))))
    return best


def _is_identifier(column: Column, values: pd.Series[Any]) -> bool:
    known = values.dropna()
    if column.kind not in ("integer", "category") or len(known) < _FEWEST:
        return False
    return bool(known.nunique() > _DISTINCT * len(known))
