"""Customers who were scored alone."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats
from churn_model.inference_log.scored_rows import ScoredRows
from churn_model.scoring import Score, Scorer

_BATCH = 1024
"""Customers whose numbers are kept as objects until they are packed together.

Packing fewer takes longer; many more no longer fit into the processor's cache.
"""

_MOST_BATCHES = 100
"""Batches of one version that wait. A caller who finds more does a part of the work."""

_NUMBERS = 5
_WHEN, _PROBABILITY, _PREDICTION, _THRESHOLD, _PROFIT = range(_NUMBERS)
_OTHERS = 3
_REQUEST_ID, _IDENTIFIERS, _VALUES = range(-_OTHERS, 0)
"""Positions in what is kept of a customer: numbers, inputs, and three more objects."""


class Failed(NamedTuple):
    """A customer who was scored, but cannot be recorded because of an error in this program."""

    when: float
    error: Exception


class _Batch(NamedTuple):
    """n customers whose numbers are packed.

    ``numbers`` (5 + features, n): when each was scored (in seconds since 1970), probability,
    prediction, threshold that the caller asked for, expected profit, and the inputs as the lookup
    takes them; NaN for none. ``request_ids`` (n,). ``identifiers``: for each, (n,). ``values``: n
    times the features as sent, if they are recorded.
    """

    numbers: Floats
    request_ids: Sequence[bytes | str | None]
    identifiers: Sequence[Sequence[Any]]
    values: Sequence[Sequence[Any]]


class Singles:
    """Customers of one version who wait to be recorded. Several threads may add to them.

    ``on_batch``: is called after each batch, with whether too many of them wait; returns whether
    threads collect them. Until they do, each customer is a batch, so that the first one starts
    them.
    """

    def __init__(self, scorer: Scorer, with_values: bool, on_batch: Callable[[bool], bool]) -> None:
        self._scorer = scorer
        self._with_values = with_values
        self._names = [column.name for column in scorer.schema.identifiers]
        self._identifiers = itemgetter(*self._names) if self._names else _no_identifiers
        self._width = _NUMBERS + len(scorer.lookup.features) + _OTHERS
        self._on_batch = on_batch
        self._waiting: list[Any] = []
        self.clear()

    def clear(self) -> None:
        """Forget all customers, also in a forked process, where another thread had the lock."""
        self._waiting.clear()
        self._cells_per_batch = self._width
        self._packed: deque[_Batch | Failed] = deque()
        self._packing = Lock()

    def add(
        self, score: Score, request_id: bytes | str | None = None, threshold: float | None = None
    ) -> None:
        """Add a customer. ``threshold``: what the caller asked for.

        For a score that cannot be recorded, nothing is raised: it is taken as ``Failed``.
        """
        try:
            identifiers, prediction, probability, _, profit, values, inputs = score
            customer = [
                time.time(),
                probability,
                prediction,
                threshold,
                profit,
                *inputs,
                request_id,
                self._identifiers(identifiers),
                values if self._with_values else None,
            ]
            if len(customer) != self._width:
                raise ValueError("a score has another number of inputs than the model has features")
        except Exception as failure:  # the caller has the score
            self._packed.append(Failed(time.time(), failure))
            self._on_batch(False)
            return
        waiting = self._waiting
        waiting += customer  # at once, whatever other threads do
        if len(waiting) >= self._cells_per_batch:
            self._pack()
            is_collected = self._on_batch(len(self._packed) > _MOST_BATCHES)
            self._cells_per_batch = (_BATCH if is_collected else 1) * self._width

    def take(self, most: int) -> list[TakenSingles | Failed]:
        """Remove the first batches, until they have at least so many customers.

        Customers who could not be recorded come first, each alone, and then all others together.
        """
        self._pack()
        taken: list[TakenSingles | Failed] = []
        batches: list[_Batch] = []
        while self._packed and most > 0:
            first = self._packed.popleft()
            if isinstance(first, Failed):
                taken.append(first)
                most -= 1
            else:
                batches.append(first)
                most -= len(first.request_ids)
        if batches:
            taken.append(TakenSingles(self._scorer, self._names, batches))
        return taken

    def _pack(self) -> None:
        with self._packing:
            waiting = self._waiting[:]
            self._packed.extend(self._batches(waiting))
            del self._waiting[: len(waiting)]

    def _batches(self, waiting: list[Any]) -> list[_Batch | Failed]:
        """Customers as one batch, or each alone if one of them cannot be recorded."""
        if not waiting:
            return []
        width = self._width
        try:
            return [self._batch([waiting[i::width] for i in range(width)])]
        except Exception as failure:  # the callers have their scores
            if len(waiting) == width:
                return [Failed(waiting[_WHEN], failure)]
        alone = (waiting[i : i + width] for i in range(0, len(waiting), width))
        return [batch for customer in alone for batch in self._batches(customer)]

    def _batch(self, columns: list[list[Any]]) -> _Batch:
        identifiers = columns[_IDENTIFIERS]
        return _Batch(
            np.array([_packed(column) for column in columns[:_REQUEST_ID]]),
            columns[_REQUEST_ID],
            [identifiers] if len(self._names) == 1 else list(zip(*identifiers, strict=True)),
            columns[_VALUES] if self._with_values else (),
        )


class TakenSingles:
    """n customers of one version, as they were taken from ``Singles``."""

    def __init__(self, scorer: Scorer, names: Sequence[str], batches: Sequence[_Batch]) -> None:
        self._scorer = scorer
        self._names = names
        self._batches = batches
        self._numbers: Floats = np.concatenate([batch.numbers for batch in batches], axis=1)

    @property
    def when(self) -> Floats:
        """When each customer (n,) was scored, in seconds since 1970."""
        when: Floats = self._numbers[_WHEN]
        return when

    def rows(self) -> ScoredRows:
        """The customers as columns."""
        import pyarrow as pa

        features = self._scorer.lookup.features
        inputs = zip(features, self._numbers[_NUMBERS:], strict=True)
        values = list(chain.from_iterable(batch.values for batch in self._batches))
        request_ids = [pa.array(batch.request_ids, pa.string()) for batch in self._batches]
        has_profit = self._scorer.scorecard.campaign is not None
        return ScoredRows(
            self.when,
            pa.concat_arrays(request_ids),
            np.zeros(len(self.when), dtype=np.int64),
            self._identifiers(),
            self._numbers[_PROBABILITY],
            self._numbers[_PREDICTION].astype(np.int64),
            self._numbers[_THRESHOLD],
            self._numbers[_PROFIT] if has_profit else None,
            {name: self._input(name, cells) for name, cells in inputs},
            dict(zip(features, zip(*values, strict=True), strict=True)) if values else {},
        )

    def _identifiers(self) -> dict[str, npt.NDArray[np.object_]]:
        columns = zip(*(batch.identifiers for batch in self._batches), strict=True)
        return {
            name: np.fromiter(chain.from_iterable(parts), np.object_, len(self.when))
            for name, parts in zip(self._names, columns, strict=True)
        }

    def _input(self, name: str, cells: Floats) -> npt.NDArray[Any]:
        """A column as the lookup takes it: codes of levels, -1 for a missing one, or numbers."""
        if self._scorer.kind(name) != "category":
            return cells
        return np.where(np.isnan(cells), -1.0, cells).astype(np.int64)


def _packed(column: list[Any]) -> Floats:
    """A column (n,) as floats, NaN for None.

    Raises an exception if a cell cannot be converted to a float.
    """
    if column[0] is None and column.count(None) == len(column):  # as most thresholds
        return np.full(len(column), np.nan)
    packed: Floats = np.fromiter(column, np.float64, len(column))
    return packed


def _no_identifiers(_: Mapping[str, Any]) -> tuple[()]:
    """The identifiers of a model without any."""
    return ()
