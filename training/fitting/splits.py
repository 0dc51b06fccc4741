"""Which customers are held out of which fit."""

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
"""Share of the customers held out where one split is enough, or where a date makes it."""

_TWICE, _FOLDED = 20_000, 200_000
"""Up to so many customers the folds are drawn twice; above, one fifth is a sharp test by itself."""


@dataclass(frozen=True)
class Splits:
    """``pairs``: rows to fit on and rows to score, of each fit. ``text``: how they were made.

    ``known``: the rows that choices may be made on, which are all of them under cross-validation
    and the earlier ones where a date splits them.
    """

    pairs: list[tuple[Rows, Rows]]
    known: Rows
    text: str


def by_folds(
    churned: npt.NDArray[np.int64], *, folds: int, repeats: int | None, seed: int
) -> Splits:
    """Stratified, shuffled folds, drawn ``repeats`` times.

    Where ``repeats`` is None the table's size decides: twice up to 20,000 customers, once up to
    200,000, above that a single fifth is held out, which gives intervals of a thousandth.
    """
    rows = np.arange(len(churned))
    if repeats is None and len(churned) > _FOLDED:
        fitted, scored = train_test_split(
            rows, test_size=HELD_OUT, stratify=churned, random_state=seed
        )
        pairs = [(np.sort(fitted), np.sort(scored))]
        return Splits(pairs, pairs[0][0], f"{HELD_OUT:.0%} of the customers held out, stratified")
    times = repeats or (2 if len(churned) <= _TWICE else 1)
    splitter = RepeatedStratifiedKFold(n_splits=folds, n_repeats=times, random_state=seed)
    text = f"{folds}-fold cross-validation, stratified"
    text += f", drawn {times} times" if times > 1 else ""
    return Splits(list(splitter.split(rows, churned)), rows, text)


def by_date(churned: npt.NDArray[np.int64], dates: pd.Series[pd.Timestamp], name: str) -> Splits:
    """Fit on the earlier customers, score the last fifth; a day is never split.

    Raises TrainingError where the dates leave one of the two without churners or without others.
    """
    first = dates.sort_values().iloc[int((1 - HELD_OUT) * len(dates))]
    late = (dates >= first).to_numpy()
    earlier, later = np.flatnonzero(~late), np.flatnonzero(late)
    for part, which in ((earlier, "before"), (later, "from")):
        if len(np.unique(churned[part])) < 2:
            raise TrainingError(
                f"{name}: the {len(part)} customers {which} {first:%Y-%m-%d} on are all of one "
                "class; a hold-out by date needs churned and kept ones on both sides"
            )
    text = f"fitted on the {len(earlier):,} customers before {first:%Y-%m-%d} ({name}), "
    return Splits([(earlier, later)], earlier, text + f"scored on the {len(later):,} from then on")
