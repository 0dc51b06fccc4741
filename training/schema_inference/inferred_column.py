"""What inference decides about one column, and the value counts that it decides by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.schema.column import Column
from training.data.categories import RARE


@dataclass(frozen=True)
class InferredColumn:
    """A column of the proposed schema, or the ``reason`` for leaving it out.

    ``marks``: strings that mean a missing value in this column only. ``format``: of its numbers or
    dates; empty for the usual one. ``note``: what the user should know about its cells.
    ``range``: the smallest and the largest number, None if it has none. ``is_integral``: whether
    all of its numbers are integers.
    """

    column: Column | None = None
    reason: str = ""
    marks: frozenset[str] = frozenset()
    format: str = ""
    note: str = ""
    range: tuple[float, float] | None = None
    is_integral: bool = False


class ValueCounts:
    """How often each value of a column (n,) occurs. ``missing``: values that mean missing."""

    def __init__(self, cells: pd.Series[Any], missing: Iterable[Any] = ()) -> None:
        counts = cells.value_counts()
        self.known = counts[~counts.index.isin(list(missing))]
        self.n_known = int(self.known.sum())
        self.n_missing = len(cells) - self.n_known
        self.required = not self.n_missing

    def unusable(self) -> InferredColumn | None:
        """Why the column carries no information; None if it does."""
        if not self.n_known:
            return InferredColumn(reason="is empty")
        if len(self.known) < 2 and self.required:
            return InferredColumn(reason="is the same for every customer")
        if self.n_known < min(RARE, (self.n_known + self.n_missing) // 20):
            return InferredColumn(reason=f"is missing for all but {self.n_known} customers")
        return None

    def share(self, values: npt.NDArray[np.bool_]) -> float:
        """The share (0..1) of the known cells that have one of the values in a mask."""
        return float(self.known.to_numpy()[values].sum() / self.n_known)
