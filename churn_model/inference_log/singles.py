"""Customers who were scored alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from struct import Struct, error
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats
from churn_model.inference_log.scored_rows import ScoredRows, as_texts
from churn_model.scoring import Score, Scorer

if TYPE_CHECKING:
    import pyarrow as pa

_MISSING = float("nan")
_WHEN, _THRESHOLD, _PROBABILITY, _PREDICTION, _PROFIT = range(5)
_INPUTS = 5
"""Positions in the numbers of a customer."""


class Singles:
    """Customers of one version who wait to be recorded. Several threads may add to them.

    The numbers of a customer are packed into bytes. Objects for each number would cost memory, and
    time in each garbage collection of a server that scores many customers.
    """

    def __init__(self, scorer: Scorer, with_values: bool) -> None:
        self._scorer = scorer
        self._with_values = with_values
        self._pack = Struct(f"{_INPUTS + len(scorer.lookup.features)}d").pack
        self._identify = _getter([column.name for column in scorer.schema.identifiers])
        self._waiting: deque[tuple[Any, ...]] = deque()

    def __len__(self) -> int:
        """The number of customers who wait."""
        return len(self._waiting)

    def clear(self) -> None:
        """Forget all customers."""
        self._waiting.clear()

    def add(
        self, when: float, request_id: bytes | str | None, threshold: float | None, score: Score
    ) -> int:
        """Add a customer; returns how many wait now. ``threshold``: what the caller asked for.

        Raises TypeError or ValueError for a score that cannot be recorded, and adds nothing then.
        """
        identifiers, prediction, probability, _, profit, values, inputs = score
        if threshold is None:
            threshold = _MISSING
        if profit is None:
            profit = _MISSING
        try:
            packed = self._pack(when, threshold, probability, prediction, profit, *inputs)
        except error:
            known = [_MISSING if value is None else float(value) for value in inputs]
            packed = self._pack(when, threshold, probability, prediction, profit, *known)
        kept, waiting = values if self._with_values else None, self._waiting
        waiting.append((packed, request_id, self._identify(identifiers), kept))
        return len(waiting)

    def take(self, most: int) -> TakenSingles | None:
        """Remove the first customers; None if nobody waits."""
        pop = self._waiting.popleft
        taken = [pop() for _ in range(min(most, len(self._waiting)))]
        return TakenSingles(self._scorer, taken) if taken else None


class TakenSingles:
    """Customers of one version, as they were taken from ``Singles``."""

    def __init__(self, scorer: Scorer, singles: Sequence[tuple[Any, ...]]) -> None:
        self._scorer = scorer
        packed, self._request_ids, self._identifiers, self._values = zip(*singles, strict=True)
        self._numbers = np.frombuffer(b"".join(packed)).reshape(len(singles), -1)

    @property
    def when(self) -> Floats:
        """When each customer (n,) was scored, in seconds since 1970."""
        return self._numbers[:, _WHEN]

    def rows(self) -> ScoredRows:
        """The customers as columns."""
        import pyarrow as pa

        numbers, names = self._numbers, self._scorer.lookup.features
        has_profit = self._scorer.scorecard.campaign is not None
        has_values = self._values[0] is not None
        return ScoredRows(
            self.when,
            pa.array(self._request_ids, pa.string()),
            np.zeros(len(numbers), dtype=np.int64),
            self._identifier_columns(),
            numbers[:, _PROBABILITY],
            numbers[:, _PREDICTION].astype(np.int64),
            numbers[:, _THRESHOLD],
            numbers[:, _PROFIT] if has_profit else None,
            {name: self._input(name, numbers[:, _INPUTS + i]) for i, name in enumerate(names)},
            dict(zip(names, zip(*self._values, strict=True), strict=True)) if has_values else {},
        )

    def _identifier_columns(self) -> dict[str, pa.Array]:
        names = [column.name for column in self._scorer.schema.identifiers]
        if not names:
            return {}
        columns = [self._identifiers] if len(names) == 1 else zip(*self._identifiers, strict=True)
        return {name: as_texts(column) for name, column in zip(names, columns, strict=True)}

    def _input(self, name: str, cells: Floats) -> npt.NDArray[Any]:
        """A column as the lookup takes it: codes of levels, -1 for a missing one, or numbers."""
        if self._scorer.kind(name) != "category":
            return cells
        return np.where(np.isnan(cells), -1.0, cells).astype(np.int64)


def _getter(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
    """What takes these identifiers from a score: one alone, or a tuple of several."""
    return itemgetter(*names) if names else lambda identifiers: None
