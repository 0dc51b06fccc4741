"""Signs that a table tells more than anybody knows on the day of scoring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from training.data.categories import pooled
from training.data.column_names import words_of
from training.evaluation.metrics import Labels
from training.evaluation.slices import groups

LEAK_AUC = 0.99
DISTINCT = 0.95
"""Share of different values from which a column may be an identifier."""

_ID_WORDS = {"id", "key", "uuid", "guid", "no", "nr", "num", "number", "code"}
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
            values = pooled(values.astype(object), column.levels)
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


def is_identifier(name: str, numbers: npt.NDArray[Any]) -> bool:
    """Whether whole numbers (n,), none missing, are different for nearly every customer.

    So are large amounts. An identifier also says so in its name, or was counted up: it has few
    gaps, or follows the order of the table.
    """
    if len(numbers) < _FEWEST or len(np.unique(numbers)) <= DISTINCT * len(numbers):
        return False
    steps = np.diff(numbers)
    has_few_gaps = np.ptp(numbers) < 2 * len(numbers)
    is_named = bool(_ID_WORDS & words_of(name))
    return is_named or bool(has_few_gaps or (steps >= 0).all() or (steps <= 0).all())


def _is_identifier(column: Column, values: pd.Series[Any]) -> bool:
    known = values.dropna()
    if column.kind == "integer":
        return is_identifier(column.name, known.to_numpy())
    is_distinct = known.nunique() > DISTINCT * len(known)
    return column.kind == "category" and len(known) >= _FEWEST and is_distinct
