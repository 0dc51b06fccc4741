"""``Cells``: a column converted to one typed array, with the rules that its cells break.

A missing or invalid cell is NaN (numbers and dates), -1 (category codes) or None (identifiers). An
unlisted category level has the code after the last one. Dates are day numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Array, Mask
from churn_model.schema.column import Column
from churn_model.validation.rules import FINITE, Rule


@dataclass(frozen=True, slots=True)
class Problem:
    """The rows (positions) of a column that break a rule."""

    rows: npt.NDArray[np.intp]
    rule: Rule


@dataclass(slots=True)
class Cells:
    """A column as read.

    ``values`` (n,). ``missing``: a mask (n,), or None if no cell is missing. ``texts`` (n,): the
    original cells of a category with unlisted levels, which all have the same code.
    """

    values: Any
    missing: Mask | None = None
    problems: list[Problem] = field(default_factory=list)
    texts: Any = None

    def reject(self, invalid: Mask, rule: Rule) -> None:
        """Record that the rows of a mask (n,) break a rule; missing cells are skipped."""
        if self.missing is not None:
            invalid = invalid & ~self.missing
        if invalid.any():
            self.problems.append(Problem(np.flatnonzero(invalid), rule))


def identifier_cells(values: Sequence[str | None]) -> Cells:
    """Identifiers (n,) that are valid Unicode, None for a missing one."""
    if None not in values:
        return Cells(values)
    missing = np.fromiter((value is None for value in values), np.bool_, len(values))
    return Cells(np.array(values, dtype=object), missing)


def absent(column: Column, n: int) -> Cells:
    """A column that the caller did not send: ``n`` missing cells."""
    return Cells(empty(column, n), np.ones(n, dtype=bool))


def empty(column: Column, n: int) -> Array:
    """The values (n,) of a column whose cells are all missing."""
    if column.kind == "identifier":
        return np.full(n, None, dtype=object)
    if column.kind == "category":
        return np.full(n, -1, dtype=np.intp)
    return np.full(n, np.nan)


def reject_infinite(cells: Cells) -> None:
    """Record infinite and NaN cells as errors, unless they are missing."""
    finite = np.isfinite(cells.values)
    if not finite.all():
        cells.reject(~finite, FINITE)
