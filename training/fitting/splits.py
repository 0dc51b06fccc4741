"""Splits customers into training and held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import RepeatedStratifiedKFold, train_test_split

from churn_model.errors import TrainingError

Rows: TypeAlias = npt.NDArray[np.intp]

HELD_OUT = 0.2
"""Share of the customers held out by a single split or by date."""

_REPEATED_UP_TO, _FOLDED_UP_TO = 20_000, 200_000
"""Rows up to which cross-validation is repeated, and up to which it is done at all."""


@dataclass(frozen=True)
class Splits:
    """``pairs``: the training rows and the held-out rows of each fit. ``text``: a description.

    ``development``: the rows for selecting settings. These are all rows under cross-validation, and
    the earlier ones of a split by date.
    """

    pairs: list[tuple[Rows, Rows]]
    development: Rows
    text: str


def by_folds(
    churned: npt.NDArray[np.int64], *, folds: int, repeats: int | None, seed: int
) -> Splits:
    """Stratified, shuffled cross-validation, repeated ``repeats`` times.

    If ``repeats`` is None, it depends on the table: two repeats up to 20,000 customers, one up to
    200,000. Larger tables are split once, because a fifth of them suffices for narrow intervals.
    """
    rows = np.arange(len(churned))
    if repeats is None and len(churned) > _FOLDED_UP_TO:
        train, test = train_test_split(
            rows, test_size=HELD_OUT, stratify=churned, random_state=seed
        )
        pairs = [(np.sort(train), np.sort(test))]
        return Splits(pairs, pairs[0][0], f"{HELD_OUT:.0%} of the customers held out, stratified")
    times = repeats or (2 if len(churned) <= _REPEATED_UP_TO else 1)
    splitter = RepeatedStratifiedKFold(n_splits=folds, n_repeats=times, random_state=seed)
    text = f"{folds}-fold cross-validation, stratified"
    text += f", repeated {times} times" if times > 1 else ""
    return Splits(list(splitter.split(rows, churned)), rows, text)


def by_date(churned: npt.NDArray[np.int64], dates: pd.Series[pd.Timestamp], name: str) -> Splits:
    """Train on the earlier customers, and hold out the last fifth; a day is never split.

    ``name``: the column of the dates. Raises TrainingError unless both parts have both classes.
    """
    first = dates.sort_values().iloc[int((1 - HELD_OUT) * len(dates))]
    is_late = (dates >= first).to_numpy()
    train, test = np.flatnonzero(~is_late), np.flatnonzero(is_late)
    for part, which in ((train, "before"), (test, "from")):
        if len(np.unique(churned[part])) < 2:
            raise TrainingError(
                f"{name}: the {len(part)} customers {which} {first:%Y-%m-%d} are all of one class; "
                "a split by date needs both classes on both sides; use cross-validation, or a "
                "table that covers a longer time"
            )
    text = f"trained on the {len(train):,} customers before {first:%Y-%m-%d} ({name}), "
    return Splits([(train, test)], train, text + f"held out the {len(test):,} from then on")
