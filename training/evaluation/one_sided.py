"""Groups of customers who churned far more or far less often than can be expected.

A strong, honest feature also has groups in which nobody churned, or everybody. Such a group is
suspicious if its odds of churn are 20 times as high, or 100 times as low, beyond sampling noise, as
in the whole table and as

- among neighbouring values, for a range of a number with many values. Honest numbers have gradual
  effects, but a value that was recorded after customers had left makes a jump;
- a model of the other features predicts, for a level, for missing values, and for a number with few
  values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from churn_model.arrays import Floats, Mask
from churn_model.schema.column import Column
from training.data.customers import CustomersOfRows
from training.evaluation.metrics import Labels
from training.evaluation.single_feature import BANDS
from training.evaluation.slices import groups

MISSING = "missing"
_FEWEST = 30  # customers of a suspicious group
_ODDS_RATIO = {True: 20.0, False: 100.0}  # contracts that cannot be cancelled are no leaks
_BAND_ODDS_RATIO = 5.0  # of a band that may be part of a suspicious range
_MANY_VALUES = 10  # distinct numbers from which neighbouring ones are comparable
_Z = 2.33  # standard errors, exceeded by chance once in a hundred times
_NEIGHBOURS = 200  # rows on each side of a border, if churn is as frequent as no churn


@dataclass(frozen=True)
class Group:
    """Customers with some values of a feature.

    ``labels``: the bands or levels. ``mask`` (n,). ``churns``: whether they churned more often than
    expected, or less often. ``expected``: the rate that was expected, and ``source``: where from,
    as text. ``needs_model``: whether a model must say what to expect.
    """

    feature: str
    labels: tuple[str, ...]
    mask: Mask
    churns: bool
    expected: float
    source: str = "in the whole table"
    needs_model: bool = True

    @property
    def is_missing(self) -> bool:
        """Whether the group has the customers without a value."""
        return self.labels == (MISSING,)


class Counts(NamedTuple):
    """Churners and customers; a customer's rows count as one."""

    churners: float
    customers: float


@dataclass(frozen=True)
class Labelled:
    """The labels (n,) of rows, and the customer of each row."""

    churned: Labels
    customers: CustomersOfRows

    def counts(self, rows: Any) -> Counts:
        """The counts of some rows, given by a mask or by their numbers."""
        churned, code = self.churned[rows], self.customers.code[rows]
        customers = len(np.unique(code)) if self.customers.repeat else len(code)
        return Counts(float(churned.mean()) * customers if customers else 0.0, customers)


def suspicious_groups(
    column: Column, values: pd.Series[Any], labelled: Labelled
) -> Iterator[Group]:
    """The groups of one feature that table and neighbouring values do not explain.

    ``values`` (n,).
    """
    is_number = column.kind not in ("category", "boolean")
    for group in _groups(column, values, labelled, is_number):
        if not is_number or group.is_missing:
            yield group
            continue
        borders = list(_borders(values, group, labelled))
        if borders and all(_differs(*border, group.churns) for border in borders):
            rates = [rate for _, rate in borders]
            yield replace(
                group,
                expected=max(rates) if group.churns else min(rates),
                source="among neighbouring values",
                needs_model=values.nunique() < _MANY_VALUES,
            )


def unexpected_groups(
    groups: Sequence[Group], labelled: Labelled, probability: Floats
) -> Iterator[Group]:
    """The groups whose churn rate a model does not explain.

    ``probability`` (n,): of a model without their features; NaN for rows it has not scored.
    """
    for group in groups:
        scored = probability[group.mask]
        scored = scored[~np.isnan(scored)]
        if len(scored) and _differs(labelled.counts(group.mask), scored.mean(), group.churns):
            yield replace(
                group, expected=float(scored.mean()), source="as the other features predict"
            )


def _groups(
    column: Column, values: pd.Series[Any], labelled: Labelled, is_number: bool
) -> Iterator[Group]:
    """The groups that differ from the base rate; adjacent bands of a number make one group."""
    base_rate = float(labelled.churned.mean())
    for run in _runs(column, values, labelled, is_number):
        counts = labelled.counts(run.mask)
        if counts.customers >= _FEWEST and _differs(counts, base_rate, run.churns):
            yield run


def _runs(
    column: Column, values: pd.Series[Any], labelled: Labelled, is_number: bool
) -> Iterator[Group]:
    """The levels, and ranges of adjacent bands, that may differ from the base rate."""
    base_rate = float(labelled.churned.mean())
    run: Group | None = None
    for label, mask in groups(column, values, BANDS, _churners_values(values, labelled, is_number)):
        counts = labelled.counts(mask)
        churns = counts.churners > base_rate * counts.customers
        differs = _differs(counts, base_rate, churns, _BAND_ODDS_RATIO)
        found = Group(column.name, (label,), mask, churns, base_rate) if differs else None
        if run and found and is_number and not found.is_missing and churns == run.churns:
            run = replace(run, labels=(*run.labels, label), mask=run.mask | mask)
            continue
        if run:
            yield run
        run = found
    if run:
        yield run


def _churners_values(values: pd.Series[Any], labelled: Labelled, is_number: bool) -> Floats | None:
    """Quantiles of the churners' values: bands of equal count hide few churners among many rows."""
    if not is_number:
        return None
    of_churners = values[labelled.churned == 1].dropna().to_numpy(np.float64)
    bands = min(BANDS, len(of_churners) // _FEWEST)
    if not bands:
        return None
    borders: Floats = np.quantile(of_churners, np.linspace(0, 1, bands + 1), method="higher")
    return borders


def _borders(
    values: pd.Series[Any], run: Group, labelled: Labelled
) -> Iterator[tuple[Counts, float]]:
    """At each border of a range: the counts just inside, and the churn rate just outside."""
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    order = np.argsort(numbers, kind="stable")[: int((~np.isnan(numbers)).sum())]
    ordered = numbers[order]
    first = int(np.searchsorted(ordered, numbers[run.mask].min(), side="left"))
    end = int(np.searchsorted(ordered, numbers[run.mask].max(), side="right"))
    odds = _odds(float(labelled.churned.mean()))
    size = int(_NEIGHBOURS * max(1.0, odds if run.churns else 5.0 / odds))
    if first > 0:
        inside = order[first : _end_of_tie(ordered, min(first + size, end))]
        outside = order[_start_of_tie(ordered, max(first - size, 0)) : first]
        yield labelled.counts(inside), _rate(labelled.counts(outside))
    if end < len(ordered):
        inside = order[_start_of_tie(ordered, max(end - size, first)) : end]
        outside = order[end : _end_of_tie(ordered, min(end + size, len(ordered)))]
        yield labelled.counts(inside), _rate(labelled.counts(outside))


def _start_of_tie(ordered: Floats, position: int) -> int:
    """The first position with the same number."""
    return int(np.searchsorted(ordered, ordered[position], side="left"))


def _end_of_tie(ordered: Floats, end: int) -> int:
    """The position after the last number that equals the one before ``end``."""
    return int(np.searchsorted(ordered, ordered[end - 1], side="right"))


def _rate(counts: Counts) -> float:
    """A churn rate above 0 and below 1."""
    return (counts.churners + 0.5) / (counts.customers + 1.0)


def _differs(
    counts: Counts, expected: float, churns: bool, odds_ratio: float | None = None
) -> bool:
    """Whether the odds of churn exceed the expected ones by the limit, beyond sampling noise.

    ``churns``: false to ask whether they fall below the expected ones.
    """
    churners, customers = counts
    if not churns:
        churners, expected = customers - churners, 1.0 - expected
    bound = _lowest_rate(churners, customers)
    limit = _ODDS_RATIO[churns] if odds_ratio is None else odds_ratio
    return 0 < bound < 1 and _odds(bound) > limit * _odds(min(expected, 1 - 1e-12))


def _odds(rate: float) -> float:
    return rate / (1.0 - rate)


def _lowest_rate(successes: float, trials: float) -> float:
    """The lower end of a rate's score interval (Wilson 1927)."""
    if trials == 0:
        return 0.0
    rate, noise = successes / trials, _Z**2 / trials
    spread = _Z * np.sqrt((rate * (1 - rate) + noise / 4) / trials)
    return float(max(0.0, (rate + noise / 2 - spread) / (1 + noise)))
