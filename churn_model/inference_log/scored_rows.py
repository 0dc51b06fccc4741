"""Scored customers as columns: from single scores, or from the scores of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats
from churn_model.scoring import Scorer, Scores


@dataclass(frozen=True)
class ScoredRows:
    """n scored customers.

    ``when`` (n,): seconds since 1970. ``request_ids`` (n,). ``rows`` (n,): positions in the
    requests. ``identifiers``: by name (n,). ``thresholds`` (n,): as the requests gave them, NaN for
    the version's own decision. ``profit`` (n,): expected profit, NaN if unknown, None without a
    campaign. ``inputs``: by feature (n,), as the lookup takes them. ``values``: returns the column
    of a feature as sent.
    """

    when: Floats
    request_ids: Sequence[bytes | str | None]
    rows: npt.NDArray[np.int64]
    identifiers: Mapping[str, Sequence[Any]]
    probability: Floats
    prediction: npt.NDArray[np.int64]
    thresholds: Floats
    profit: Floats | None
    inputs: Mapping[str, Any]
    values: Mapping[str, Sequence[Any]]


def rows_of_singles(
    scorer: Scorer, singles: Sequence[tuple[Any, ...]], with_values: bool
) -> ScoredRows:
    """Customers who were scored alone.

    ``singles``: version, time, request id, threshold and ``Score`` of each.
    """
    _, when, request_ids, thresholds, scores = zip(*singles, strict=True)
    names = scorer.lookup.features
    inputs = zip(names, zip(*(score.inputs for score in scores), strict=True), strict=True)
    values = zip(*(score.values for score in scores), strict=True) if with_values else ()
    has_profit = scorer.scorecard.campaign is not None
    return ScoredRows(
        np.array(when),
        request_ids,
        np.zeros(len(singles), dtype=np.int64),
        {
            column.name: [score.identifiers[column.name] for score in scores]
            for column in scorer.schema.identifiers
        },
        np.array([score.probability for score in scores]),
        np.array([score.prediction for score in scores], dtype=np.int64),
        np.array(thresholds, dtype=np.float64),
        np.array([score.expected_profit for score in scores], float) if has_profit else None,
        {name: _input_column(scorer, name, cells) for name, cells in inputs},
        dict(zip(names, values, strict=False)),
    )


def _input_column(scorer: Scorer, name: str, cells: Sequence[Any]) -> npt.NDArray[Any]:
    """A column as the lookup takes it, from cells that are None if they are missing."""
    if scorer.kind(name) == "category":
        return np.array([-1 if cell is None else cell for cell in cells], dtype=np.int64)
    return np.array(cells, dtype=np.float64)


def rows_of_tables(
    scorer: Scorer, tables: Sequence[tuple[Any, ...]], with_values: bool
) -> ScoredRows:
    """The valid customers of tables, put together, because each small table costs as much as one.

    ``tables``: version, time, request id, threshold and ``Scores`` of each.
    """
    scores: list[Scores] = [table[4] for table in tables]
    rows = [np.flatnonzero(own.valid) for own in scores]
    sizes = [len(own) for own in rows]
    features = scorer.lookup.features

    def joined(columns: Iterable[Any]) -> npt.NDArray[Any]:
        return np.concatenate([np.asarray(c)[r] for c, r in zip(columns, rows, strict=True)])

    def listed(columns: Iterable[Any]) -> list[Any]:
        parts = (_taken(c, r) for c, r in zip(columns, rows, strict=True))
        return [cell for part in parts for cell in part]

    profits = [own.expected_profit for own in scores]
    return ScoredRows(
        np.repeat(np.array([table[1] for table in tables]), sizes),
        [table[2] for table, size in zip(tables, sizes, strict=True) for _ in range(size)],
        np.concatenate(rows),
        {
            column.name: listed(own.identifiers[column.name] for own in scores)
            for column in scorer.schema.identifiers
        },
        joined(own.probability for own in scores),
        joined(own.prediction for own in scores),
        np.repeat(np.array([table[3] for table in tables], dtype=np.float64), sizes),
        None if profits[0] is None else joined(profits),
        {name: joined(own.inputs[name] for own in scores) for name in features},
        {
            name: listed(scorer.as_sent(name, own.checked) for own in scores if own.checked)
            for name in (features if with_values else ())
        },
    )


def _taken(cells: Any, rows: npt.NDArray[np.intp]) -> list[Any]:
    """The cells at these positions."""
    if len(rows) == len(cells):
        return list(cells)
    return [cells[row] for row in rows.tolist()]
