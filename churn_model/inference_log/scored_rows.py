"""Scored customers as columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats, as_list
from churn_model.scoring import Scorer, Scores

if TYPE_CHECKING:
    import pyarrow as pa


class ScoredCall(NamedTuple):
    """What was scored in one call, and the time (in seconds since 1970) and options of the call.

    ``threshold``: what the caller asked for.
    """

    when: float
    request_id: bytes | str | None
    threshold: float | None
    scores: Scores


@dataclass(frozen=True)
class ScoredRows:
    """n scored customers.

    ``when`` (n,): seconds since 1970. ``request_ids`` (n,): texts. ``rows`` (n,): positions in the
    requests. ``identifiers``: by name (n,), strings, None for a missing one. ``thresholds`` (n,):
    as the requests gave them, NaN for the version's own decision. ``profit`` (n,): expected profit,
    NaN if unknown, None without a campaign. ``inputs``: by feature (n,), as the lookup takes them.
    ``values``: by feature (n,), as sent.
    """

    when: Floats
    request_ids: pa.Array
    rows: npt.NDArray[np.int64]
    identifiers: Mapping[str, npt.NDArray[np.object_]]
    probability: Floats
    prediction: npt.NDArray[np.int64]
    thresholds: Floats
    profit: Floats | None
    inputs: Mapping[str, Any]
    values: Mapping[str, Sequence[Any]]


def rows_of_tables(scorer: Scorer, tables: Sequence[ScoredCall], with_values: bool) -> ScoredRows:
    """The valid customers of tables, which together cost little more than one small table."""
    import pyarrow as pa

    scores = [table.scores for table in tables]
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
        np.repeat(np.array([table.when for table in tables]), sizes),
        pa.array([t.request_id for t in tables], pa.string()).take(
            np.repeat(range(len(rows)), sizes)
        ),
        np.concatenate(rows),
        {
            column.name: np.array(
                listed(own.identifiers[column.name] for own in scores), dtype=np.object_
            )
            for column in scorer.schema.identifiers
        },
        joined(own.probability for own in scores),
        joined(own.prediction for own in scores),
        np.repeat(np.array([table.threshold for table in tables], dtype=np.float64), sizes),
        None if profits[0] is None else joined(profits),
        {name: joined(own.inputs[name] for own in scores) for name in features},
        {
            name: listed(scorer.as_sent(name, own.checked) for own in scores if own.checked)
            for name in (features if with_values else ())
        },
    )


def _taken(cells: Any, rows: npt.NDArray[np.intp]) -> list[Any]:
    """The cells at these positions."""
    listed = as_list(cells)
    return listed if len(rows) == len(listed) else [listed[row] for row in rows.tolist()]
