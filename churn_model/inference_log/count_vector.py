"""All counts of one version in one vector, so that counts can be added in one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats
from churn_model.inference_log import log_format
from churn_model.profile.score_bins import BINS
from churn_model.scoring import Scorer

if TYPE_CHECKING:
    import pyarrow as pa

OUTCOMES: Final = (
    log_format.SCORED,
    log_format.REJECTED,
    log_format.LOGGED,
    log_format.DROPPED,
    log_format.NOT_SAMPLED,
)
SCORED, REJECTED, LOGGED, DROPPED, NOT_SAMPLED = range(len(OUTCOMES))
"""The first positions of a vector: rows by outcome."""

_SCORE_KINDS = (
    log_format.SCORE,
    log_format.PREDICTED,
    log_format.REVENUE,
    log_format.WITH_REVENUE,
)


class CountLayout:
    """What each position of a version's vector counts: kind, name and cell.

    ``size``: the length of a vector. ``terms``: the first position of each term of the scorecard.
    ``score``, ``predicted``, ``revenue``, ``with_revenue``: the first position of each.
    """

    def __init__(self, scorer: Scorer) -> None:
        sizes = [(log_format.ROWS, name, 1) for name in OUTCOMES]
        cells = scorer.lookup.cell_numbers
        sizes += [
            (log_format.TERM, term.name, n)
            for term, n in zip(scorer.scorecard.terms, cells, strict=True)
        ]
        sizes += [(kind, "", BINS) for kind in _SCORE_KINDS]
        lengths = [size for _, _, size in sizes]
        starts = [0, *np.cumsum(lengths).tolist()]
        self.size: int = starts[-1]
        self.terms: tuple[int, ...] = tuple(starts[len(OUTCOMES) : -len(_SCORE_KINDS) - 1])
        self.score, self.predicted, self.revenue, self.with_revenue = starts[-5:-1]
        self._block = np.repeat(np.arange(len(sizes)), lengths)
        self._cell = np.arange(self.size) - np.array(starts[:-1])[self._block]
        self._kinds = [kind for kind, _, _ in sizes]
        self._names = [name for _, name, _ in sizes]

    def columns(self, vector: Floats) -> tuple[list[str], list[str], Any, Floats]:
        """Kinds, names, cells and counts of a vector's nonzero positions."""
        positions = np.flatnonzero(vector)
        blocks = self._block[positions].tolist()
        kinds = [self._kinds[block] for block in blocks]
        names = [self._names[block] for block in blocks]
        return kinds, names, self._cell[positions], vector[positions]


@dataclass
class VersionCounts:
    """The counts of one version and source in one minute."""

    vector: Floats
    rules: Counter[str] = field(default_factory=Counter)

    def add(self, other: VersionCounts) -> None:
        """Add other counts to these."""
        self.vector += other.vector
        self.rules.update(other.rules)


def count_rows(
    layout: CountLayout,
    scorer: Scorer,
    inputs: Mapping[str, Any],
    bins: npt.NDArray[np.intp],
    is_predicted: npt.NDArray[np.bool_],
) -> Floats:
    """The vector of n scored rows, without their outcomes.

    ``inputs``: one column (n,) per feature, as the lookup takes them. ``bins`` (n,): of scores.
    ``is_predicted`` (n,): whether the customer is predicted to churn.
    """
    predicted = bins[is_predicted]
    positions = [
        cells + start
        for cells, start in zip(scorer.lookup.cells(inputs), layout.terms, strict=True)
    ]
    positions += [bins + layout.score, predicted + layout.predicted]
    revenue = _revenue(scorer, inputs, is_predicted)
    if revenue is not None:
        is_known = ~np.isnan(revenue)
        positions.append(predicted[is_known] + layout.with_revenue)
    vector = np.bincount(np.concatenate(positions), minlength=layout.size).astype(np.float64)
    if revenue is not None:
        sums = np.bincount(predicted[is_known], revenue[is_known], BINS)
        vector[layout.revenue : layout.revenue + BINS] = sums
    vector[SCORED] = len(bins)
    return vector


def _revenue(scorer: Scorer, inputs: Mapping[str, Any], rows: Any) -> Floats | None:
    """The revenue of these rows; None without a campaign."""
    campaign = scorer.scorecard.campaign
    if campaign is None:
        return None
    revenue: Floats = np.asarray(inputs[campaign.revenue], dtype=np.float64)[rows]
    return revenue


def counts_table(
    rows: list[tuple[int, tuple[str, str, str], CountLayout, VersionCounts]],
) -> pa.Table:
    """The counts as a table in the log's format.

    ``rows``: for each, the minute (in seconds since 1970), the model's name and version and the
    source, and the counts.
    """
    import pyarrow as pa

    columns: dict[str, list[Any]] = {name: [] for name in log_format.COUNT_COLUMNS}
    for minute, (model, version, source), layout, counts in rows:
        kinds, names, cells, values = layout.columns(counts.vector)
        kinds += [log_format.RULE] * len(counts.rules)
        n = len(kinds)
        columns["minute"] += [datetime.fromtimestamp(minute, timezone.utc)] * n
        columns["model_name"] += [model] * n
        columns["model_version"] += [version] * n
        columns["source"] += [source] * n
        columns["kind"] += kinds
        columns["name"] += [*names, *counts.rules]
        columns["cell"] += [*cells.tolist(), *[0] * len(counts.rules)]
        columns["count"] += [*values.tolist(), *map(float, counts.rules.values())]
    return pa.table(columns, schema=log_format.counts_schema())
