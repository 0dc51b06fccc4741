"""The engine for one machine: pyarrow streams the input in batches, without Spark or Java.

The memory it needs does not grow with the number of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from batch.job import Job, RowCounts, score_and_publish
from batch.options import Mode
from batch.output import REJECTED, SCORED, check_separate, not_writable
from batch.output_folder import OutputFolder
from batch.progress import row_counter
from batch.stores import LocalStore
from batch.writing import Writer
from churn_model.tables.reading.batches import folder_columns, read
from churn_model.tables.reading.checked_rows import RULES


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
    scorer = job.row_scorer()
    counts = RowCounts()
    reasons: Counter[str] = Counter()
    scored = Writer(destination.folder(SCORED), job.target_format, job.partition_by)
    rejected = Writer(destination.folder(REJECTED), job.target_format, job.partition_by)
    with scored, rejected, row_counter() as bar:
        for batch in read(source):
            job.check_partition_columns(batch.schema.names)
            checked_rows = job.checker(batch)
            scored.write(_with_run(job, scorer.scored(batch, checked_rows)))
            bad = scorer.rejected(batch, checked_rows)
            rejected.write(bad)
            counts.read += batch.num_rows
            for rules in bad.column(RULES).to_pylist():
                reasons.update(rules.split(";"))
            bar.update(batch.num_rows)
    counts.scored, counts.rejected = scored.rows, rejected.rows
    counts.reasons = dict(reasons)
    return counts


def _with_run(job: Job, scored: pa.RecordBatch) -> pa.RecordBatch:
    """Scored rows with the columns that are the same in all of them."""
    n = scored.num_rows
    for name, text in job.version_columns().items():
        scored = scored.append_column(name, pa.repeat(pa.scalar(text), n))
    time = pa.scalar(job.started, pa.timestamp("us", "UTC"))
    return scored.append_column("scored_at", pa.repeat(time, n))
