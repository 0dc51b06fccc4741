"""The counts of an inference log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churn_model.errors import MonitoringError
from churn_model.inference_log import log_format as kinds
from churn_model.profile.score_bins import BINS
from monitoring.inputs.counted import Adder, Counted, check_every, window_numbers
from monitoring.inputs.log_files import LogFiles, find_log
from monitoring.plural import plural

_ROWS_TOGETHER = 100_000
_LATEST = int(datetime(9000, 1, 1, tzinfo=timezone.utc).timestamp())
_MOST = 1e15  # in one cell; beyond, floats are no whole numbers, and their sums overflow

_SCORE_KINDS = (kinds.SCORE, kinds.PREDICTED, kinds.REVENUE, kinds.WITH_REVENUE)


def read_log(log: str | LogFiles, model_name: str, *, every: timedelta) -> Counted:
    """Add up the counts that a model logged, in windows of length ``every``.

    Raises InferenceLogError for a folder without a log, and MonitoringError for the log of another
    model, or windows that are no whole minutes.
    """
    check_every(every)
    files = find_log(log) if isinstance(log, str) else log
    adder = Adder()
    others: Counter[str] = Counter()
    damaged: list[str] = []
    for table in _tables(files, damaged):
        is_own = pc.equal(table.column("model_name"), model_name)
        others.update(_names(table.filter(pc.invert(is_own))))
        adder.add(_in_windows(table.filter(is_own), every))
    total = adder.total()
    if not total.num_rows:
        raise _nothing(files, model_name, others)
    return Counted(model_name, every, total, (*files.notes, *_notes(model_name, others, damaged)))


def _tables(files: LogFiles, damaged: list[str]) -> Iterator[pa.Table]:
    """The counts of all files, those of many small files together.

    ``damaged``: is extended by the files that cannot be read.
    """
    together: list[pa.Table] = []
    rows = 0
    for path in files.counts:
        table = _read(files, path)
        if table is None:
            damaged.append(path)
            continue
        together.append(table)
        rows += table.num_rows
        if rows > _ROWS_TOGETHER:
            yield pa.concat_tables(together)
            together, rows = [], 0
    if together:
        yield pa.concat_tables(together)


def _read(files: LogFiles, path: str) -> pa.Table | None:
    """A file's counts, without missing cells; None if they are damaged."""
    try:
        with files.open(path) as file:
            is_large = file.metadata.num_rows > _ROWS_TOGETHER  # threads cost small files more
            table = file.read(columns=list(kinds.COUNT_COLUMNS), use_threads=is_large)
        table = table.cast(kinds.counts_schema())
    except (OSError, pa.ArrowException, ValueError):
        return None
    return _completed(table) if _is_valid(table) else None


def _completed(table: pa.Table) -> pa.Table:
    """The table with empty strings for a model that is not registered, and for nameless counts."""
    for i, name in enumerate(table.column_names):
        if pa.types.is_string(table.schema.field(i).type):
            table = table.set_column(i, name, pc.fill_null(table.column(i), ""))
    return table


def _is_valid(table: pa.Table) -> bool:
    if any(table.column(name).null_count for name in ("minute", "cell", "count")):
        return False
    minutes = table.column("minute").cast(pa.int64()).to_numpy()
    if not ((minutes >= 0) & (minutes < _LATEST)).all():
        return False
    counts, cells = table.column("count").to_numpy(), table.column("cell").to_numpy()
    if not ((np.abs(counts) <= _MOST).all() and (cells >= 0).all()):
        return False
    kind = table.column("kind")
    is_score = pc.is_in(kind, pa.array(_SCORE_KINDS)).to_numpy().astype(bool)
    is_amount = pc.equal(pc.fill_null(kind, ""), kinds.REVENUE).to_numpy().astype(bool)
    return bool((cells[is_score] < BINS).all() and (counts[~is_amount] >= 0).all())


def _names(table: pa.Table) -> dict[str, int]:
    """The scored rows of each model in a table of counts."""
    is_scored = pc.and_(
        pc.equal(table.column("kind"), kinds.ROWS), pc.equal(table.column("name"), kinds.SCORED)
    )
    scored = table.filter(is_scored).group_by("model_name").aggregate([("count", "sum")])
    names, sums = scored.column("model_name").to_pylist(), scored.column("count_sum").to_pylist()
    return {name: int(count) for name, count in zip(names, sums, strict=True)}


def _in_windows(table: pa.Table, every: timedelta) -> pa.Table:
    seconds = table.column("minute").cast(pa.int64()).to_numpy()
    window = pa.array(window_numbers(seconds, every))
    return table.append_column("window", window)


def _nothing(files: LogFiles, model_name: str, others: Counter[str]) -> MonitoringError:
    if others:
        found = ", ".join(repr(name) for name, _ in others.most_common(3))
        return MonitoringError(
            f"{files.folder}: is the log of {found}, not of {model_name!r}; name another --log, or "
            f"another model with -m"
        )
    why = "".join(f"; {note}" for note in files.notes)
    return MonitoringError(f"{files.folder}: the log has no counts yet{why}")


def _notes(model_name: str, others: Counter[str], damaged: list[str]) -> list[str]:
    notes = [
        f"skipped {plural(count, 'row')} of model {name!r}, which is not {model_name!r}"
        for name, count in others.most_common(3)
    ]
    if damaged:
        files = plural(len(damaged), "file")
        notes.append(f"skipped {files} with impossible counts, for example {damaged[0]}")
    return notes
