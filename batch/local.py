"""The engine for one machine: pyarrow streams the input in batches, without Spark or Java.

The memory it needs does not grow with the number of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch.job import Job, RowCounts, score_and_publish
from batch.options import Mode
from batch.output import REJECTED, SCORED, check_separate, not_writable
from batch.output_folder import OutputFolder
from batch.progress import row_counter
from batch.stores import LocalStore
from batch.writing import Writer
from churn_model.scoring import EXPECTED_PROFIT
from churn_model.tables.reading.batches import folder_columns, read
from churn_model.tables.reading.checked_rows import ERROR, RULES, CheckedRows
from churn_model.tables.reading.row_checker import LINE
from churn_model.tables.reading.utf8 import as_text

_REASONS = pa.list_(
    pa.struct([("feature", pa.string()), ("value", pa.string()), ("effect", pa.float64())])
)


def run(job: Job, output: str, mode: Mode) -> dict[str, Any]:
    """Score the input and publish the results in the folder ``output``; returns the summary.

    Raises BatchError or TableError; then no output was written.
    """
    store = LocalStore()
    destination = OutputFolder(store, store.absolute(output), job.run, mode)
    if "://" not in job.source.removeprefix("file://"):
        check_separate([store.absolute(job.source)], destination.base)
    with _write_errors(output):
        return score_and_publish(job, destination, lambda: _score_all(job, destination))


@contextmanager
def _write_errors(output: str) -> Iterator[None]:
    """Turn a failure to write into a BatchError; reading raises TableError by itself."""
    try:
        yield
    except OSError as error:
        raise not_writable(output, error) from None


def _score_all(job: Job, destination: OutputFolder) -> RowCounts:
    source = job.files()
    job = job.with_folders(folder_columns(source))
    counts = RowCounts()
    reasons: Counter[str] = Counter()
    scored = Writer(destination.folder(SCORED), job.target_format, job.partition_by)
    rejected = Writer(destination.folder(REJECTED), job.target_format, job.partition_by)
    with scored, rejected, row_counter() as bar:
        for batch in read(source):
            good, bad = score(job, batch)
            scored.write(good)
            rejected.write(bad)
            counts.read += batch.num_rows
            for rules in bad.column(RULES).to_pylist():
                reasons.update(rules.split(";"))
            bar.update(batch.num_rows)
    counts.scored, counts.rejected = scored.rows, rejected.rows
    counts.reasons = dict(reasons)
    return counts


def score(job: Job, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Split a batch into its scored and its rejected rows."""
    job.check_partition_columns(batch.schema.names)
    checked_rows = job.checker(batch)
    return _scored(job, batch, checked_rows), _rejected(job, batch, checked_rows)


def _scored(job: Job, batch: pa.RecordBatch, checked_rows: CheckedRows) -> pa.RecordBatch:
    """Identifiers, scores, partition columns and model version of the valid rows."""
    scorer = job.version.scorer
    valid = checked_rows.checked.valid
    scores = scorer.score_columns(
        checked_rows.checked, threshold=job.threshold, explain=job.explain, as_of=job.as_of
    )
    columns: dict[str, Any] = {
        column.name: checked_rows.identifiers[column.name].filter(checked_rows.valid)
        for column in scorer.schema.identifiers
    }
    columns["churn_prediction"] = pa.array(scores.prediction[valid])
    columns["churn_probability"] = pa.array(scores.probability[valid])
    if scores.expected_profit is not None:
        # a missing revenue gives NaN, which becomes null
        columns[EXPECTED_PROFIT] = pa.array(scores.expected_profit[valid], from_pandas=True)
    if scores.reasons is not None:
        reasons = [_with_text_values(scores.reasons[row]) for row in np.flatnonzero(valid).tolist()]
        columns["reasons"] = pa.array(reasons, _REASONS)
    for name in job.partition_by:
        columns[name] = batch.column(name).filter(checked_rows.valid)
    n = len(columns["churn_prediction"])
    for name, text in job.version_columns().items():
        columns[name] = pa.repeat(pa.scalar(text), n)
    columns["scored_at"] = pa.repeat(pa.scalar(job.started, pa.timestamp("us", "UTC")), n)
    return pa.RecordBatch.from_pydict(columns)


def _rejected(job: Job, batch: pa.RecordBatch, checked_rows: CheckedRows) -> pa.RecordBatch:
    """The invalid rows, unchanged, and why each was rejected."""
    raw = {name: batch.column(name) for name in batch.schema.names}
    if job.checker.form == "lines":
        raw[LINE] = as_text(raw[LINE])
    columns = {**raw, ERROR: checked_rows.error, RULES: checked_rows.rules}
    return pa.RecordBatch.from_pydict(columns).filter(pc.invert(checked_rows.valid))


def _with_text_values(reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reasons whose values are strings, because an Arrow column has a single type."""
    return [{**r, "value": None if r["value"] is None else str(r["value"])} for r in reasons]
