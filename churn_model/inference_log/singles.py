"""Customers who were scored alone."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats
from churn_model.inference_log.scored_rows import ScoredRows, as_texts
from churn_model.scoring import Score, Scorer

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 256
"""Customers whose scores are kept as objects until their numbers are packed together.

Packing fewer takes longer, and so does packing many more: their objects no longer fit into the
processor's cache, and each garbage collection of the server visits them.
"""

_MOST_BATCHES = 400
"""Batches of one version that wait. A caller who finds more does a part of the work."""

_FIELDS = 4
"""What is kept of each customer: time, request id, threshold and score."""


class Failed(NamedTuple):
    """A customer who was scored, but cannot be recorded because of an error in this program."""

    when: float
    error: Exception


class _Batch(NamedTuple):
    """n customers whose numbers are packed.

    ``numbers`` (5, n): when each was scored (in seconds since 1970), probability, prediction,
    threshold that the caller asked for, and expected profit; NaN for none. ``inputs``
    (n, features): as the lookup takes them, NaN for a missing one. ``request_ids`` (n,).
    ``identifiers``: by name, (n,). ``values``: n times the features as sent, if they are recorded.
    """

    numbers: Floats
    inputs: Floats
    request_ids: Sequence[bytes | str | None]
    identifiers: Mapping[str, Sequence[Any]]
    values: Sequence[Sequence[Any]]


_WHEN, _PROBABILITY, _PREDICTION, _THRESHOLD, _PROFIT = range(5)
_NUMBERS = 5
"""Positions in the numbers of a batch, and how many there are."""


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
        self._features = len(scorer.lookup.features)
        self._on_batch = on_batch
        self._waiting: list[Any] = []
        self.clear()

    def clear(self) -> None:
        """Forget all customers, also in a forked process, where another thread had the lock."""
        self._waiting.clear()
        self._most_waiting = _FIELDS
        self._packed: deque[_Batch | Failed] = deque()
        self._packing = Lock()

    def add(
        self, score: Score, request_id: bytes | str | None = None, threshold: float | None = None
    ) -> None:
        """Add a customer. ``threshold``: what the caller asked for.

        For a score that cannot be recorded, nothing is raised: it is taken as ``Failed``.
        """
        waiting = self._waiting
        waiting += (time.time(), request_id, threshold, score)  # at once, whatever the threads
        if len(waiting) >= self._most_waiting:
            self._pack()
            is_attended = self._on_batch(len(self._packed) > _MOST_BATCHES)
            self._most_waiting = (_BATCH if is_attended else 1) * _FIELDS

    def take(self, most: int) -> list[TakenSingles | Failed]:
        """Remove the first customers, until there are so many."""
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
                most -= len(first.inputs)
        if batches:
            taken.append(TakenSingles(self._scorer, batches))
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
        try:
            return [self._batch(waiting)]
        except Exception as failure:  # the callers have their scores
            if len(waiting) == _FIELDS:
                return [Failed(waiting[0], failure)]
        alone = (waiting[i : i + _FIELDS] for i in range(0, len(waiting), _FIELDS))
        return [batch for customer in alone for batch in self._batches(customer)]

    def _batch(self, waiting: list[Any]) -> _Batch:
        when, request_ids, thresholds, scores = (waiting[i::_FIELDS] for i in range(_FIELDS))
        identifiers, predictions, probabilities, _, profits, values, inputs = zip(
            *scores, strict=True
        )
        if set(map(len, inputs)) != {self._features}:  # numpy would ignore what is too much
            raise ValueError("a score has another number of inputs than the model has features")
        n = len(scores)
        numbers = chain(when, probabilities, predictions, thresholds, profits)
        return _Batch(
            _packed(numbers, _NUMBERS * n).reshape(_NUMBERS, n),
            _packed(chain.from_iterable(inputs), self._features * n).reshape(n, self._features),
            request_ids,
            {name: [own[name] for own in identifiers] for name in self._names},
            values if self._with_values else (),
        )


class TakenSingles:
    """Customers of one version, as they were taken from ``Singles``."""

    def __init__(self, scorer: Scorer, batches: Sequence[_Batch]) -> None:
        self._scorer = scorer
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

        names = self._scorer.lookup.features
        inputs = np.concatenate([batch.inputs for batch in self._batches])
        values = list(chain.from_iterable(batch.values for batch in self._batches))
        request_ids = list(chain.from_iterable(batch.request_ids for batch in self._batches))
        has_profit = self._scorer.scorecard.campaign is not None
        return ScoredRows(
            self.when,
            pa.array(request_ids, pa.string()),
            np.zeros(len(inputs), dtype=np.int64),
            self._identifiers(),
            self._numbers[_PROBABILITY],
            self._numbers[_PREDICTION].astype(np.int64),
            self._numbers[_THRESHOLD],
            self._numbers[_PROFIT] if has_profit else None,
            {name: self._input(name, inputs[:, i]) for i, name in enumerate(names)},
            dict(zip(names, zip(*values, strict=True), strict=True)) if values else {},
        )

    def _identifiers(self) -> dict[str, pa.Array]:
        batches = self._batches
        return {
            name: as_texts([cell for batch in batches for cell in batch.identifiers[name]])
            for name in batches[0].identifiers
        }

    def _input(self, name: str, cells: Floats) -> npt.NDArray[Any]:
        """A column as the lookup takes it: codes of levels, -1 for a missing one, or numbers."""
        if self._scorer.kind(name) != "category":
            return cells
        return np.where(np.isnan(cells), -1.0, cells).astype(np.int64)


def _packed(numbers: Iterable[Any], n: int) -> Floats:
    """The first n numbers as floats (n,), NaN for None.

    Raises an exception if there are fewer, or if one cannot be converted to a float.
    """
    packed: Floats = np.fromiter(numbers, np.float64, n)
    return packed
