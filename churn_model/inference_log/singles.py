"""Customers who were scored alone, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct, error
from typing import Any

import numpy as np
import numpy.typing as npt

from churn_model.inference_log.scored_rows import ScoredRows
from churn_model.scoring import Score, Scorer

_MISSING = float("nan")
_WHEN, _THRESHOLD, _PROBABILITY, _PREDICTION, _PROFIT = range(5)
_INPUTS = 5
"""Positions in the numbers of a customer."""


class Singles:
    """Customers of one version, each with the same numbers, one after another.

    Numbers are kept as bytes and not as objects, which would cost memory, and time in each garbage
    collection of a server that scores many customers.
    """

    __slots__ = ("_identifiers", "_numbers", "_pack", "_request_ids", "_scorer", "_values")

    def __init__(self, scorer: Scorer, with_values: bool) -> None:
        self._scorer = scorer
        self._pack = Struct(f"{_INPUTS + len(scorer.lookup.features)}d").pack
        self._numbers = bytearray()
        self._request_ids: list[bytes | str | None] = []
        self._identifiers: list[tuple[str, list[Any]]] = [
            (column.name, []) for column in scorer.schema.identifiers
        ]
        self._values: list[Sequence[Any]] | None = [] if with_values else None

    def __len__(self) -> int:
        """The number of customers."""
        return len(self._request_ids)

    def add(
        self, when: float, request_id: bytes | str | None, threshold: float | None, score: Score
    ) -> None:
        """Add a customer. ``threshold``: what the caller asked for.

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
        self._numbers += packed
        self._request_ids.append(request_id)
        for name, column in self._identifiers:
            column.append(identifiers[name])
        if self._values is not None:
            self._values.append(values)

    def times(self) -> npt.NDArray[np.float64]:
        """When each customer (n,) was scored, in seconds since 1970."""
        return self._table()[:, _WHEN]

    def rows(self) -> ScoredRows:
        """The customers as columns."""
        names = self._scorer.lookup.features
        numbers = self._table()
        inputs = numbers[:, _INPUTS:]
        has_profit = self._scorer.scorecard.campaign is not None
        values = [] if self._values is None else list(zip(*self._values, strict=True))
        return ScoredRows(
            numbers[:, _WHEN],
            self._request_ids,
            np.zeros(len(self), dtype=np.int64),
            dict(self._identifiers),
            numbers[:, _PROBABILITY],
            numbers[:, _PREDICTION].astype(np.int64),
            numbers[:, _THRESHOLD],
            numbers[:, _PROFIT] if has_profit else None,
            {name: self._input(name, inputs[:, i]) for i, name in enumerate(names)},
            dict(zip(names, values, strict=False)),
        )

    def _table(self) -> npt.NDArray[np.float64]:
        """The numbers of each customer (n, numbers)."""
        return np.frombuffer(bytes(self._numbers)).reshape(len(self), -1)

    def _input(self, name: str, cells: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        """A column as the lookup takes it: codes of levels, -1 for a missing one, or numbers."""
        if self._scorer.kind(name) != "category":
            return cells
        return np.where(np.isnan(cells), -1.0, cells).astype(np.int64)
