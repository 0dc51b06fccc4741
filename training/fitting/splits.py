"""Splits a table into training and held-out rows; a customer is never on both sides of a split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold, train_test_split

from churn_model.arrays import Rows
from training.data.customers import CustomersOfRows

Split: TypeAlias = tuple[Rows, Rows]

HELD_OUT = 0.2
"""Share of the customers held out by a single split."""

_REPEATED_UP_TO, FOLDED_UP_TO = 5_000, 200_000
"""Rows up to which cross-validation is repeated, and up to which it is done at all."""


@dataclass(frozen=True)
class Period:
    """Held-out rows of one period of time: those observed from ``first`` to ``last``.

    ``splits``: indices of the splits that hold them out. ``trained_to``: the last observation date
    of the training rows. Dates are numpy days.
    """

    first: np.datetime64
    last: np.datetime64
    trained_to: np.datetime64
    splits: range


@dataclass(frozen=True)
class Splits:
    """``pairs``: the training rows and the held-out rows of each fit. ``text``: a description.

    ``development``: the rows for selecting settings. These are all rows under cross-validation, and
    the earliest training rows of a split by date. ``periods``: of splits by date, earliest first;
    the headline metrics are those of the last period.
    """

    pairs: list[Split]
    development: Rows
    text: str
    periods: tuple[Period, ...] = ()

    @property
    def headline(self) -> range:
        """The splits whose held-out rows the headline metrics are computed on."""
        return self.periods[-1].splits if self.periods else range(len(self.pairs))


def by_folds(
    churned: npt.NDArray[np.int64],
    *,
    folds: int,
    repeats: int | None,
    seed: int,
    customers: CustomersOfRows | None = None,
) -> Splits:
    """Stratified, shuffled cross-validation over customers, repeated ``repeats`` times.

    ``customers``: which customer each row belongs to; None if each row is another one. If
    ``repeats`` is None, it depends on the table: two repeats up to 5,000 rows, one up to 200,000.
    Larger tables are split once, because a fifth of them suffices for narrow intervals.
    """
    customers = customers or CustomersOfRows.one_per_row(len(churned))
    rows = np.arange(len(churned))
    if repeats is None and len(churned) > FOLDED_UP_TO:
        pairs = [hold_out_customers(churned, customers, seed)]
        return Splits(pairs, pairs[0][0], f"{HELD_OUT:.0%} of the customers held out, stratified")
    times = repeats or (2 if len(churned) <= _REPEATED_UP_TO else 1)
    # one generator for all repeats, as scikit-learn's RepeatedStratifiedKFold
    rng = np.random.RandomState(seed)
    pairs = [pair for _ in range(times) for pair in customer_folds(churned, customers, folds, rng)]
    text = f"{folds}-fold cross-validation, stratified"
    text += f", repeated {times} times" if times > 1 else ""
    text += ", grouped by customer" if customers.repeat else ""
    return Splits(pairs, rows, text)


def customer_strata(
    churned: npt.NDArray[np.int64], customers: CustomersOfRows
) -> npt.NDArray[np.int64]:
    """The stratum of each customer: whether any of its rows churned.

    All customers are of one stratum if one of the two would have fewer than two of them.
    """
    ever_churned = customers.ever(churned)
    if min(ever_churned.sum(), len(ever_churned) - ever_churned.sum()) < 2:
        return np.zeros_like(ever_churned)
    return ever_churned


def customer_folds(
    churned: npt.NDArray[np.int64],
    customers: CustomersOfRows,
    folds: int,
    random_state: int | np.random.RandomState,
) -> list[Split]:
    """The rows of stratified folds over customers, who count as churned if any of their rows is."""
    folder = StratifiedKFold(folds, shuffle=True, random_state=random_state)
    strata = customer_strata(churned, customers)
    parts = folder.split(strata, strata)
    return [(customers.rows_of(train), customers.rows_of(test)) for train, test in parts]


def hold_out_customers(
    churned: npt.NDArray[np.int64], customers: CustomersOfRows, seed: int
) -> Split:
    """Hold out the rows of a fifth of the customers, stratified."""
    train, test = train_test_split(
        np.arange(customers.n),
        test_size=HELD_OUT,
        stratify=customer_strata(churned, customers),
        random_state=seed,
    )
    return customers.rows_of(train), customers.rows_of(test)
