"""``FieldErrors``: the errors of a table, without an object for each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from churn_model.errors import FieldError, describe_error


class ErrorGroup(NamedTuple):
    """The rows (positions, ascending) of a field that break one rule (``type`` and ``msg``)."""

    field: str
    type: str
    msg: str
    rows: npt.NDArray[np.intp]

    def at(self, row: int) -> FieldError:
        """The error of one of the rows."""
        return FieldError(row, self.field, self.type, self.msg)


class FieldErrors(Sequence[FieldError]):
    """The errors of a table, sorted by row and field, at most one per cell.

    A table may have an error in every cell. They are stored as one array of rows per field and
    rule, and a ``FieldError`` is created for each one that is read. Reading the first ones, and
    counting, takes no longer for a million errors than for a hundred.
    """

    def __init__(self, groups: Iterable[ErrorGroup] = ()) -> None:
        """``groups``: ordered by field; no two contain the same cell."""
        self.groups = tuple(group for group in groups if len(group.rows))

    @classmethod
    def first_of_each_cell(
        cls, groups: Sequence[ErrorGroup], fields: Sequence[str], n: int
    ) -> FieldErrors:
        """The errors of n rows: of several in a cell the first; ordered as ``fields``."""
        position = {name: i for i, name in enumerate(fields)}
        kept: list[ErrorGroup] = []
        seen: dict[str, npt.NDArray[np.bool_]] = {}
        for group in sorted(groups, key=lambda group: position.get(group.field, -1)):
            if group.field not in seen:
                seen[group.field] = np.zeros(n, dtype=bool)
            rows = group.rows[~seen[group.field][group.rows]]
            seen[group.field][rows] = True
            kept.append(group._replace(rows=rows))
        return cls(kept)

    def __len__(self) -> int:
        return sum(len(group.rows) for group in self.groups)

    def __iter__(self) -> Iterator[FieldError]:
        return iter(self._first(len(self)))

    @overload
    def __getitem__(self, index: int) -> FieldError: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[FieldError, ...]: ...
    def __getitem__(self, index: int | slice) -> FieldError | tuple[FieldError, ...]:
        if isinstance(index, slice):
            positions = range(*index.indices(len(self)))
            needed = max(positions[0], positions[-1]) + 1 if positions else 0
            errors = self._first(needed)
            return tuple(errors[position] for position in positions)
        position = range(len(self))[index]
        return self._first(position + 1)[position]

    def __repr__(self) -> str:
        return f"<{len(self)} field errors>"

    def _first(self, n: int) -> list[FieldError]:
        if not self.groups:
            return []
        rows = np.concatenate([group.rows[:n] for group in self.groups])
        lengths = [min(n, len(group.rows)) for group in self.groups]
        which = np.repeat(np.arange(len(self.groups)), lengths)
        order = np.lexsort((which, rows))[:n]
        return [
            self.groups[i].at(row)
            for i, row in zip(which[order].tolist(), rows[order].tolist(), strict=True)
        ]

    def counts(self) -> Counter[tuple[str, str]]:
        """The number of errors of each field and rule: (field, type) -> count."""
        counts: Counter[tuple[str, str]] = Counter()
        for group in self.groups:
            counts[group.field, group.type] += len(group.rows)
        return counts

    def row_count(self) -> int:
        """The number of rows that have an error."""
        if not self.groups:
            return 0
        return len(np.unique(np.concatenate([group.rows for group in self.groups])))

    def without_rows(self, rows: npt.NDArray[Any], n: int) -> FieldErrors:
        """The errors of the other ones of n rows."""
        keep = np.ones(n, dtype=bool)
        keep[rows] = False
        return FieldErrors(
            group._replace(rows=group.rows[keep[group.rows]]) for group in self.groups
        )

    def messages_by_row(
        self,
        n: int,
        describe: Callable[[FieldError], str] = describe_error,
        separator: str = "; ",
    ) -> list[str | None]:
        """As the function ``messages_by_row``; ``describe`` must not depend on the row."""
        messages: list[str | None] = [None] * n
        for group in self.groups:
            text = describe(group.at(-1))
            for row in group.rows.tolist():
                before = messages[row]
                messages[row] = text if before is None else before + separator + text
        return messages
