"""Rolling-origin evaluation: train on the past, and hold out what came after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Rows
from churn_model.errors import TrainingError
from churn_model.tables.observations import Days
from training.data.customers import CustomersOfRows
from training.fitting.splits import (
    FOLDED_UP_TO,
    Period,
    Split,
    Splits,
    customer_folds,
    hold_out_customers,
)

FEWEST = 10
"""Fewest churners, and fewest customers who stayed, to train on: with fewer, boosting does not know
when to stop."""

_SHARES = (0.2, 0.1, 0.05)
"""Shares of the rows that a held-out period may have; the largest that gives three periods."""
_SNAPSHOTS, _ENOUGH = 60, 3_000
"""Up to this many different days are snapshots, of which this many rows are enough for a period."""
_WANTED, _MOST = 3, 5  # periods


@dataclass(frozen=True)
class DatedRows:
    """Rows to split by date.

    ``churned`` (n,) of 0 and 1, ``customers``: of each row, ``days`` (n,): of each row, and
    ``column``: the name of the column with the dates.
    """

    churned: npt.NDArray[np.int64]
    customers: CustomersOfRows
    days: Days
    column: str


def by_date(rows: DatedRows, *, window: int = 0, folds: int = 5, seed: int = 0) -> Splits:
    """Expanding windows: each period is held out from models trained on the rows before it.

    There are three to five periods where the table allows it (Tashman 2000, "Out-of-sample tests of
    forecasting accuracy", International Journal of Forecasting 16). A day is never split.
    ``window``: the days after an observation in which the label says whether the customer churned.
    Training rows end a window before the held-out period, because later labels would not have been
    known. If customers have several rows, each period is scored in folds, so that no model has seen
    the customers that it scores. Raises TrainingError if no period can be held out.
    """
    periods = max((_periods(rows, window, share) for share in _SHARES), key=_rank)
    if not periods:
        raise TrainingError(_why_not(rows, window))
    pairs: list[Split] = []
    described: list[Period] = []
    for early, late in periods:
        parts = _pairs(rows, early, late, folds, seed)
        scored = np.concatenate([test for _, test in parts])
        if len(np.unique(rows.churned[scored])) < 2:
            continue
        start = len(pairs)
        pairs += parts
        days = rows.days[late]
        described.append(
            Period(days.min(), days.max(), rows.days[early].max(), range(start, len(pairs)))
        )
    if not described:
        raise TrainingError(_why_not(rows, window))
    return Splits(pairs, periods[0][0], _text(described[-1], rows, window), tuple(described))


def _rank(periods: list[Split]) -> int:
    """The number of periods, as far as more of them are better."""
    return min(len(periods), _WANTED)


def _periods(rows: DatedRows, window: int, share: float) -> list[Split]:
    """The earlier rows and the held-out rows of each period, earliest period first."""
    found: list[Split] = []
    for first, end in _bounds(rows.days, share):
        early = np.flatnonzero(rows.days + np.timedelta64(max(window, 1), "D") <= first)
        late = np.flatnonzero((rows.days >= first) & (rows.days < end))
        if not _can_train(rows, early) or len(np.unique(rows.churned[late])) < 2:
            break
        found.append((early, late))
    return found[::-1]


def _bounds(days: Days, share: float) -> Iterator[tuple[np.datetime64, np.datetime64]]:
    """The first day of each period and the day after its last, latest period first."""
    distinct, counts = np.unique(days, return_counts=True)
    wanted = share * len(days)
    if len(distinct) <= _SNAPSHOTS:
        wanted = min(wanted, _ENOUGH)
    end, rows, periods = distinct[-1] + np.timedelta64(1, "D"), 0, 0
    for day, count in zip(distinct[::-1], counts[::-1], strict=True):
        rows += count
        if rows >= wanted:
            yield day, end
            end, rows, periods = day, 0, periods + 1
            if periods == _MOST:
                return


def _can_train(rows: DatedRows, early: Rows) -> bool:
    """Whether enough customers churned, and enough stayed, in the earlier rows."""
    return all(
        len(np.unique(rows.customers.code[early][rows.churned[early] == label])) >= FEWEST
        for label in (0, 1)
    )


def _pairs(rows: DatedRows, early: Rows, late: Rows, folds: int, seed: int) -> list[Split]:
    """The splits that hold out one period; several if customers have several rows."""
    used = np.concatenate([early, late])
    if not rows.customers.take(used).repeat:
        return [(early, late)]
    customers, churned = rows.customers, rows.churned
    if len(used) > FOLDED_UP_TO or customers.ever(churned).sum() < folds:
        parts = [hold_out_customers(churned, customers, seed)]
    else:
        parts = customer_folds(churned, customers, folds, seed)
    pairs = [(np.intersect1d(train, early), np.intersect1d(test, late)) for train, test in parts]
    return [(train, test) for train, test in pairs if len(test)]


def _text(last: Period, rows: DatedRows, window: int) -> str:
    gap = f", with a gap of {window} days" if window else ""
    grouped = ", grouped by customer" if rows.customers.repeat else ""
    when = f"from {last.first} to {last.last}" if last.first != last.last else f"of {last.first}"
    return (
        f"trained on the rows up to {last.trained_to}, held out those {when} "
        f"({rows.column}){gap}{grouped}"
    )


def _why_not(rows: DatedRows, window: int) -> str:
    """Why no period can be held out."""
    first = next((first for first, _ in _bounds(rows.days, _SHARES[0])), rows.days.min())
    is_early = rows.days + np.timedelta64(max(window, 1), "D") <= first
    early, late = rows.churned[is_early], rows.churned[rows.days >= first]
    before = f"whose window of {window} days ended before" if window else "before"
    return (
        f"{rows.column}: cannot be split by date. The {len(early):,} rows {before} {first} have "
        f"{int(early.sum()):,} churners, and the {len(late):,} rows from then on have "
        f"{int(late.sum()):,}; training needs at least {FEWEST} customers of each class before, "
        "and both classes after. Use cross-validation, or a table that covers a longer time"
    )
