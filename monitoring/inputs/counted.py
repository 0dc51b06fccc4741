"""Counts of what was scored, added up by version, source and window of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churn_model.arrays import Floats
from churn_model.errors import MonitoringError
from churn_model.inference_log import log_format as kinds
from churn_model.profile import CellCounts
from churn_model.profile.score_bins import BINS
from churn_model.scoring.scorecard import Scorecard
from monitoring.windows import EPOCH, Population, Window, WindowsByPopulation

KEYS: Final = ("model_version", "source", "window", "kind", "name", "cell")
_PENDING_ROWS = 500_000
_MOST_WINDOWS = 50_000


@dataclass(frozen=True)
class Counted:
    """The counts of one model, in windows of length ``every``.

    ``table``: the columns of KEYS and ``count``, one row per key; ``window`` is the number of
    windows from 1970-01-01 (UTC) to the start of the row's window. ``notes``: what was skipped.
    """

    model_name: str
    every: timedelta
    table: pa.Table
    notes: tuple[str, ...] = ()

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that scored, sorted by number."""
        found = self.table.column("model_version").unique().to_pylist()
        return tuple(sorted(found, key=lambda number: (len(number), number)))


class Adder:
    """Adds counts up, with memory for the different keys only."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []
        self._pending = 0

    def add(self, table: pa.Table) -> None:
        """Add a table with the columns of KEYS and ``count``."""
        self._tables.append(table.select(_SCHEMA.names).cast(_SCHEMA))
        self._pending += table.num_rows
        if self._pending > _PENDING_ROWS:
            self._tables, self._pending = [_added(self._tables)], 0

    def total(self) -> pa.Table:
        """The sum so far."""
        return _added(self._tables) if self._tables else _SCHEMA.empty_table()


_SCHEMA = pa.schema(
    [
        ("model_version", pa.string()),
        ("source", pa.string()),
        ("window", pa.int64()),
        ("kind", pa.string()),
        ("name", pa.string()),
        ("cell", pa.int32()),
        ("count", pa.float64()),
    ]
)


def _added(tables: Sequence[pa.Table]) -> pa.Table:
    summed = pa.concat_tables(tables).group_by(list(KEYS)).aggregate([("count", "sum")])
    return summed.rename_columns(
        ["count" if name == "count_sum" else name for name in summed.column_names]
    ).select(_SCHEMA.names)


def window_numbers(seconds: npt.NDArray[np.int64], every: timedelta) -> npt.NDArray[np.int64]:
    """The windows (n,) of times in seconds since 1970-01-01 (UTC)."""
    numbers: npt.NDArray[np.int64] = seconds // int(every.total_seconds())
    return numbers


def check_every(every: timedelta) -> None:
    """Raise MonitoringError unless windows are whole minutes long, as counts are per minute."""
    seconds = every.total_seconds()
    if seconds < 60 or seconds % 60:
        raise MonitoringError(
            f"--every {every}: windows are at least a minute long, and whole minutes"
        )


def to_windows(
    counted: Counted, scorecards: Mapping[str, Scorecard], now: datetime
) -> tuple[WindowsByPopulation, tuple[str, ...]]:
    """The windows of each population whose version is in ``scorecards``, and notes.

    A window that has not ended ``now`` is left out unless it is the only one. Windows without rows
    between the first and the last have empty counts. A version whose counts do not fit its
    scorecard is left out, with a note.
    """
    result: dict[Population, list[Window]] = {}
    notes: list[str] = []
    for population, rows in _by_population(counted):
        scorecard = scorecards.get(population.model_version)
        if scorecard is None:
            continue
        problem = _mismatch(rows, scorecard)
        if problem:
            notes.append(
                f"version {population.model_version} is left out: {problem}; are the counts those "
                "of a model of the same name in another registry?"
            )
            continue
        notes += _lost(population, rows)
        result[population] = _windows(rows, scorecard, counted.every, now)
    return result, tuple(dict.fromkeys(notes))


_Rows = dict[str, Any]
"""Columns (n,) of the counts of a population."""


def _by_population(counted: Counted) -> Iterator[tuple[Population, _Rows]]:
    table = counted.table.sort_by([(key, "ascending") for key in ("model_version", "source")])
    columns = {name: table.column(name).to_numpy() for name in _SCHEMA.names}
    n = table.num_rows
    if not n:
        return
    versions, sources = columns["model_version"], columns["source"]
    changed = (versions[1:] != versions[:-1]) | (sources[1:] != sources[:-1])
    edges = [0, *(np.flatnonzero(changed) + 1).tolist(), n]
    for first, end in pairwise(edges):
        population = Population(counted.model_name, versions[first], sources[first])
        yield population, {name: values[first:end] for name, values in columns.items()}


def _mismatch(rows: _Rows, scorecard: Scorecard) -> str:
    """Why counts are not those of a scorecard; empty if they may be."""
    sizes = _sizes(scorecard)
    is_term = rows["kind"] == kinds.TERM
    for name in set(rows["name"][is_term]):
        if name not in sizes:
            return f"its counts have a term {name!r}, which the scorecard does not have"
        largest = rows["cell"][is_term & (rows["name"] == name)].max()
        if largest >= sizes[name]:
            return f"its counts have a cell {largest} of term {name!r}, which has {sizes[name]}"
    return ""


def _sizes(scorecard: Scorecard) -> dict[str, int]:
    return {term.name: len(term.scores) for term in scorecard.terms}


def _lost(population: Population, rows: _Rows) -> list[str]:
    """A note about rows that the log had to drop."""
    is_rows = rows["kind"] == kinds.ROWS
    dropped = rows["count"][is_rows & (rows["name"] == kinds.DROPPED)].sum()
    scored = rows["count"][is_rows & (rows["name"] == kinds.SCORED)].sum()
    if not dropped:
        return []
    return [
        f"version {population.model_version}, {population.source}: {dropped:,.0f} of {scored:,.0f} "
        "scored rows were dropped by the log and cannot be joined with labels; all are counted"
    ]


def _windows(rows: _Rows, scorecard: Scorecard, every: timedelta, now: datetime) -> list[Window]:
    order = np.argsort(rows["window"], kind="stable")
    sorted_rows = {name: values[order] for name, values in rows.items()}
    numbers, starts = np.unique(sorted_rows["window"], return_index=True)
    ends = [*starts[1:].tolist(), len(order)]
    counts = {
        int(number): _cell_counts({n: v[a:b] for n, v in sorted_rows.items()}, scorecard)
        for number, a, b in zip(numbers, starts.tolist(), ends, strict=True)
    }
    first, end = int(numbers[0]), int(numbers[-1]) + 1
    if end - first > _MOST_WINDOWS:
        raise MonitoringError(
            f"--every {every}: there are {end - first:,} windows from "
            f"{EPOCH + first * every:%Y-%m-%d} on; choose longer ones"
        )
    empty = CellCounts()
    windows = [
        Window(EPOCH + i * every, EPOCH + (i + 1) * every, counts.get(i, empty))
        for i in range(first, end)
    ]
    complete = [window for window in windows if window.end <= now]
    return complete or windows[:1]


def _cell_counts(rows: _Rows, scorecard: Scorecard) -> CellCounts:
    is_kind = {kind: rows["kind"] == kind for kind in set(rows["kind"])}

    def histogram(kind: str) -> Floats:
        return _histogram(rows, is_kind.get(kind), BINS)

    is_rows, is_rule = is_kind.get(kinds.ROWS), is_kind.get(kinds.RULE)
    names, counts = rows["name"], rows["count"]
    rejected = 0.0 if is_rows is None else counts[is_rows & (names == kinds.REJECTED)].sum()
    rules = {} if is_rule is None else _sums(zip(names[is_rule], counts[is_rule], strict=True))
    return CellCounts(
        _terms(rows, is_kind.get(kinds.TERM), scorecard),
        histogram(kinds.SCORE),
        histogram(kinds.PREDICTED),
        histogram(kinds.REVENUE),
        histogram(kinds.WITH_REVENUE),
        float(rejected),
        rules,
    )


def _terms(rows: _Rows, is_term: Any, scorecard: Scorecard) -> tuple[Floats, ...]:
    """The counts per table cell of each term; empty if only the scores are known."""
    if is_term is None:
        return ()
    return tuple(
        _histogram(rows, is_term & (rows["name"] == name), size)
        for name, size in _sizes(scorecard).items()
    )


def _histogram(rows: _Rows, chosen: Any, size: int) -> Floats:
    if chosen is None:
        return np.zeros(size)
    return np.bincount(rows["cell"][chosen], rows["count"][chosen], size).astype(np.float64)


def _sums(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for name, count in pairs:
        sums[name] = sums.get(name, 0.0) + float(count)
    return sums
