"""One machine, no Java: the input is streamed through pyarrow in batches, with flat memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from batch.job import Job, RowCounts
from batch.output import REJECTED, SCORED, LocalStore, Mode, Output, fill
from batch.reading import read
from batch.row_checker import ERROR, RULES
from batch.writing import Writer
from churn_model.errors import TableError

_REASON = pa.list_(
    pa.struct([("feature", pa.string()), ("value", pa.string()), ("effect", pa.float64())])
)


def run(job: Job, target: str, mode: Mode) -> tuple[Output, RowCounts]:
    """Score the input; the results wait beside their place until they are published.

    Raises BatchError or TableError; then there are none.
    """
    output = Output(LocalStore(), target.rstrip("/"), job.run, mode)
    return output, fill(output, lambda: _score_all(job, output))


def _score_all(job: Job, output: Output) -> RowCounts:
    counts = RowCounts()
    reasons: Counter[str] = Counter()
    scored = Writer(output.folder(SCORED), job.target_format, job.partition_by)
    rejected = Writer(output.folder(REJECTED), job.target_format, job.partition_by)
    with scored, rejected, tqdm(unit=" rows", unit_scale=True, disable=None) as bar:
        for batch in read(job):
            good, bad = score(job, batch)
            scored.write(good)
            rejected.write(bad)
            counts.read += batch.num_rows
            counts.scored += good.num_rows
            counts.rejected += bad.num_rows
            for rules in bad.column(RULES).to_pylist():
                reasons.update(rules.split(";"))
            bar.update(batch.num_rows)
    counts.reasons = dict(reasons)
    return counts


def score(job: Job, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """A batch -> its scored and its rejected rows."""
    checked_rows = job.checker(batch)
    valid = checked_rows.valid
    scorer = job.version.scorer
    scores = scorer.score_columns(
        checked_rows.checked, threshold=job.threshold, explain=job.explain, as_of=job.as_of
    )
    names = [column.name for column in scorer.schema.identifiers]
    columns: dict[str, Any] = {name: checked_rows.identifiers[name].filter(valid) for name in names}
    where = checked_rows.checked.valid
    columns["churn_prediction"] = pa.array(scores.prediction[where])
    columns["churn_probability"] = pa.array(scores.probability[where])
    if scores.reasons is not None:
        kept = [_as_text(scores.reasons[row]) for row in np.flatnonzero(where).tolist()]
        columns["reasons"] = pa.array(kept, _REASON)
    for name in job.partition_by:
        columns[name] = _column(batch, name).filter(valid)
    n = len(columns["churn_prediction"])
    for name, text in job.stamp().items():
        columns[name] = pa.repeat(pa.scalar(text), n)
    columns["scored_at"] = pa.repeat(pa.scalar(job.started, pa.timestamp("us", "UTC")), n)
    good = pa.RecordBatch.from_pydict(columns)
    raw = {name: batch.column(name) for name in batch.schema.names if name not in (ERROR, RULES)}
    bad = pa.RecordBatch.from_pydict({**raw, ERROR: checked_rows.error, RULES: checked_rows.rules})
    return good, bad.filter(pc.invert(valid))


def _as_text(reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A column has one type, so that a reason's value is text in it."""
    return [{**r, "value": None if r["value"] is None else str(r["value"])} for r in reasons]


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    if name not in batch.schema.names:
        raise TableError(f"--partition-by {name}: the input has no such column")
    return batch.column(name)
