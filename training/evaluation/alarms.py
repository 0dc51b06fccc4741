"""Signs of target leakage: features with information that is not known on the day of scoring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from training.data.customers import CustomersOfRows
from training.data.special_columns import DISTINCT, is_identifier
from training.evaluation.alarm import WHOLE_MODEL, Alarm
from training.evaluation.evaluation import Evaluation
from training.evaluation.metrics import Labels, log_losses, skill
from training.evaluation.one_sided import Group, Labelled, suspicious_groups, unexpected_groups
from training.evaluation.rest_of_model import held_out_probability
from training.evaluation.single_feature import lowest_auc, single_auc, single_skill

SINGLE_AUC = 0.9
"""A feature that is significantly better than this alone raises an alarm."""

CERTAIN_AUC = 0.99
"""An inferred column that is significantly better than this alone is left out."""

WHOLE_MODEL_AUC = 0.98
"""A model that is significantly better than this on held-out customers raises an alarm."""

_FEWEST = 30  # customers of an identifier
MOST_ROWS, _MOST_FITTED = 200_000, 20_000
_DOMINATED_SKILL = 0.3  # of a model in which one feature may dominate suspiciously
_DOMINANT_SHARE = 0.75  # of that skill, which is lost without the feature


def alarms(
    customers: pd.DataFrame,
    churned: Labels,
    schema: RecordSchema,
    customers_of_rows: CustomersOfRows | None = None,
) -> list[Alarm]:
    """The signs of leakage in n rows and their labels (n,), which must be of both classes.

    ``customers_of_rows``: which customer each row belongs to; None if each row is another one. Of
    large tables, 200,000 rows are examined.
    """
    of_rows = customers_of_rows or CustomersOfRows.one_per_row(len(churned))
    rows = _sample(of_rows, MOST_ROWS)
    sample = _Sample(customers.iloc[rows], churned[rows], of_rows.take(rows), schema.features)
    found = list(_of_single_features(sample))
    named = {alarm.feature for alarm in found}
    found += _of_groups(sample, named)
    found += _of_dominant_features(sample, named | {alarm.feature for alarm in found})
    return found


def certain_leaks(customers: pd.DataFrame, churned: Labels, schema: RecordSchema) -> list[Alarm]:
    """The signs of leakage that leave no doubt, found without fitting a model.

    An honest feature raises none of these alarms, however strong it is.
    """
    of_rows = CustomersOfRows.one_per_row(len(churned))
    return list(
        _of_single_features(_Sample(customers, churned, of_rows, schema.features), CERTAIN_AUC)
    )


def model_alarms(evaluation: Evaluation) -> list[Alarm]:
    """The alarm for models whose held-out AUC is too high to be true."""
    aucs = {name: values["auc"] for name, values in evaluation.intervals.items()}
    best = max(aucs, key=lambda name: aucs[name].low)
    if aucs[best].low <= WHOLE_MODEL_AUC:
        return []
    return [
        Alarm(
            "too_accurate",
            WHOLE_MODEL,
            f"{best.replace('_', ' ')} predicts churn with a held-out AUC of "
            f"{evaluation.metrics[best]['auc']:.3f}. Churn is hardly ever so predictable: look for "
            "features that were recorded after customers had left, or labels that were computed "
            "from the features",
        )
    ]


@dataclass(frozen=True)
class _Sample:
    """``table``: n rows, ``churned`` (n,), ``customers``: of each row."""

    table: pd.DataFrame
    churned: Labels
    customers: CustomersOfRows
    features: Sequence[Column]

    def take(self, rows: npt.NDArray[np.intp]) -> _Sample:
        return _Sample(
            self.table.iloc[rows], self.churned[rows], self.customers.take(rows), self.features
        )

    def probability(self, without: Iterable[str] = ()) -> npt.NDArray[np.float64]:
        """Held-out probabilities (n,) of a model without some features."""
        left_out = set(without)
        features = [column for column in self.features if column.name not in left_out]
        return held_out_probability(self.table, self.churned, features, self.customers)


def _sample(customers: CustomersOfRows, most: int) -> npt.NDArray[np.intp]:
    """All rows of as many customers as have about ``most`` rows."""
    rows = len(customers.code)
    if rows <= most:
        return np.arange(rows)
    chosen = np.random.default_rng(0).random(customers.n) < most / rows
    return np.flatnonzero(chosen[customers.code])


def _of_single_features(sample: _Sample, limit: float = SINGLE_AUC) -> Iterator[Alarm]:
    for column in sample.features:
        name, values = column.name, sample.table[column.name]
        if _is_identifier(column, values):
            yield Alarm(
                "identifier",
                name,
                f"{name} differs for nearly every customer, like an identifier: a model learns "
                "from it when a customer joined, or how the table was sorted. Exclude it",
            )
        auc = single_auc(column, values, sample.churned, sample.customers)
        if _lowest(auc, sample) > limit:
            yield _too_accurate(name, values.isna().to_numpy(), auc, sample, limit)


def _lowest(auc: float, sample: _Sample) -> float:
    """The lower end of the interval of an AUC; a customer's rows count as one."""
    share = sample.customers.n / len(sample.churned)
    churners = float(sample.churned.sum())
    return lowest_auc(auc, churners * share, (len(sample.churned) - churners) * share)


def _too_accurate(
    name: str, missing: npt.NDArray[np.bool_], auc: float, sample: _Sample, limit: float
) -> Alarm:
    """The alarm of a feature that alone predicts churn too well."""
    rate = float(sample.churned[missing].mean()) if missing.any() else 0.5
    known = Column(name, "boolean")
    if rate in (0, 1):
        auc_of_missing = single_auc(known, pd.Series(missing), sample.churned, sample.customers)
        if _lowest(auc_of_missing, sample) > limit:
            return Alarm(
                "missing",
                name,
                f"{_who(rate, int(missing.sum()))} without {name} churned, so a missing value "
                "leaks the target. Find out why it is missing, or exclude it",
            )
    return Alarm(
        "target_leakage",
        name,
        f"{name} alone predicts churn with an AUC of {auc:.3f}, so it probably leaks the target: "
        "it was recorded after customers had left. Exclude it, or use its earlier value",
    )


def _of_groups(sample: _Sample, named: Iterable[str]) -> Iterator[Alarm]:
    """Groups whose churn rate neither neighbouring values nor the other features explain.

    The other features are those without any sign of leakage, because leaks explain one another.
    ``named``: the features that have an alarm already.
    """
    labelled = Labelled(sample.churned, sample.customers)
    suspects = [
        group
        for column in sample.features
        if column.name not in set(named)
        for group in suspicious_groups(column, sample.table[column.name], labelled)
    ]
    unclear = [group for group in suspects if group.needs_model]
    if unclear:
        rows = _sample(sample.customers, _MOST_FITTED)
        probability = np.full(len(sample.churned), np.nan)
        left_out = {*named, *(group.feature for group in suspects)}
        probability[rows] = sample.take(rows).probability(left_out)
        clear = [group for group in suspects if not group.needs_model]
        suspects = [*clear, *unexpected_groups(unclear, labelled, probability)]
    by_alarm: dict[tuple[str, bool, bool], list[Group]] = {}
    for group in suspects:
        by_alarm.setdefault((group.feature, group.is_missing, group.churns), []).append(group)
    for groups in by_alarm.values():
        yield _group_alarm(groups, sample.churned)


def _group_alarm(groups: Sequence[Group], churned: Labels) -> Alarm:
    """The alarm of some groups of one feature, which all churned or all stayed, or nearly all."""
    first = groups[0]
    name = first.feature
    mask = np.logical_or.reduce([group.mask for group in groups])
    who = _who(float(churned[mask].mean()), int(mask.sum()))
    expected = f"{first.expected:.1%} {first.source}"
    if first.is_missing:
        return Alarm(
            "missing",
            name,
            f"{who} without {name} churned ({expected}), so a missing value probably leaks the "
            "target. Find out why it is missing, or exclude it",
        )
    labels = ", ".join(label for group in groups for label in group.labels)
    return Alarm(
        "one_sided",
        name,
        f"{who} with {name} {labels} churned ({expected}): either the table lacks the others (new "
        "customers, for example), or the value leaks the target because it was recorded after "
        "customers had left",
    )


def _who(rate: float, count: int) -> str:
    if rate in (0, 1):
        return f"all {count:,} customers" if rate else f"none of the {count:,} customers"
    return f"{rate:.1%} of the {count:,} customers"


def _of_dominant_features(sample: _Sample, named: Iterable[str]) -> Iterator[Alarm]:
    """Features without which an accurate model loses nearly all of its skill."""
    sample = sample.take(_sample(sample.customers, _MOST_FITTED))
    enough = _DOMINATED_SKILL * _DOMINANT_SHARE
    candidates = [
        column.name
        for column in sample.features
        if column.name not in set(named)
        and single_skill(column, sample.table[column.name], sample.churned, sample.customers)
        > enough
    ]
    if not candidates:
        return
    whole = _skill(sample.churned, sample.probability())
    if whole < _DOMINATED_SKILL:
        return
    for name in candidates:
        rest = max(0.0, _skill(sample.churned, sample.probability([name])))
        if whole - rest > _DOMINANT_SHARE * whole:
            yield Alarm(
                "dominant",
                name,
                f"without {name}, the share of the base rate's log loss that a model removes falls "
                f"from {whole:.0%} to {rest:.0%}. A single feature rarely tells so much, so it may "
                "have been recorded after customers had left. Find out when, or exclude it",
            )


def _skill(churned: Labels, probability: npt.NDArray[np.float64]) -> float:
    loss = float(log_losses(churned, probability).mean())
    return skill(loss, churned, np.ones(len(churned)))


def _is_identifier(column: Column, values: pd.Series[Any]) -> bool:
    known = values.dropna()
    if column.kind == "integer":
        return is_identifier(column.name, known.to_numpy())
    is_distinct = known.nunique() > DISTINCT * len(known)
    return column.kind == "category" and len(known) >= _FEWEST and is_distinct
