"""The counts of batch results: scores and rejected rows, but no table cells."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churn_model.arrays import Floats
from churn_model.errors import MonitoringError
from churn_model.inference_log import log_format as kinds
from churn_model.profile.score_bins import count_scores
from monitoring.inputs.batch_files import BatchRun, find_runs
from monitoring.inputs.counted import Adder, Counted, check_every, window_numbers
from monitoring.windows import EPOCH

BATCH: Final = "batch"
"""The source of batch results."""

PROBABILITY, PREDICTION = "churn_probability", "churn_prediction"


def read_batch(folder: str, model_name: str, *, every: timedelta) -> Counted:
    """Add up the results of ``churn score`` in a folder, in windows of length ``every``.

    All rows of a run count when the run began. Raises MonitoringError for a folder without results
    of this model, and for rows that cannot be read.
    """
    check_every(every)
    runs, notes = find_runs(folder)
    own = own_runs(runs, model_name, folder)
    adder = Adder()
    found = list(notes)
    for run in own:
        scores, predicted = _histograms(run)
        if scores.sum() != run.scored:
            found.append(
                f"run {run.run}: its files have {scores.sum():,.0f} valid rows, its summary says "
                f"{run.scored:,}; it is skipped"
            )
            continue
        adder.add(_counts(run, scores, predicted, every))
    return Counted(model_name, every, adder.total(), tuple(found))


def own_runs(runs: Iterable[BatchRun], model_name: str, folder: str) -> list[BatchRun]:
    """The runs of a model. Raises MonitoringError if there are only those of other models."""
    own = [run for run in runs if run.model_name == model_name]
    if not own:
        others = ", ".join(sorted({repr(run.model_name) for run in runs}))
        raise MonitoringError(
            f"{folder}: contains results of {others}, not of {model_name!r}; name another --batch, "
            "or another model with -m"
        )
    return own


def to_numbers(column: Any) -> Floats:
    """A column (n,) of numbers, or of strings in a CSV file; NaN for anything else."""
    if pa.types.is_string(column.type):
        is_number = pc.match_substring_regex(column, r"^[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?$")
        column = pc.if_else(is_number, column, None)
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _histograms(run: BatchRun) -> tuple[Floats, Floats]:
    """The customers per bin of scores, and those who are predicted to churn."""
    scores, predicted = count_scores(np.empty(0)), count_scores(np.empty(0))
    if not run.scored:
        return scores, predicted
    for batch in run.batches([PROBABILITY, PREDICTION]):
        probability = to_numbers(batch.column(PROBABILITY))
        is_valid = (probability >= 0) & (probability <= 1)
        is_predicted = is_valid & (to_numbers(batch.column(PREDICTION)) == 1)
        scores = scores + count_scores(probability[is_valid])
        predicted = predicted + count_scores(probability[is_predicted])
    return scores, predicted


def _counts(run: BatchRun, scores: Floats, predicted: Floats, every: timedelta) -> pa.Table:
    """The counts of a run as rows of the log's counts."""
    rows: list[tuple[str, str, int, float]] = [
        (kinds.ROWS, kinds.SCORED, 0, float(run.scored)),
        (kinds.ROWS, kinds.REJECTED, 0, float(run.rejected)),
        *((kinds.RULE, rule, 0, float(count)) for rule, count in run.reasons.items()),
        *((kinds.SCORE, "", i, float(scores[i])) for i in np.flatnonzero(scores).tolist()),
        *(
            (kinds.PREDICTED, "", i, float(predicted[i]))
            for i in np.flatnonzero(predicted).tolist()
        ),
    ]
    seconds = np.array([(run.scored_at - EPOCH) // timedelta(seconds=1)], dtype=np.int64)
    n = len(rows)
    kind, name, cell, count = (list(column) for column in zip(*rows, strict=True))
    return pa.table(
        {
            "model_version": [run.model_version] * n,
            "source": [BATCH] * n,
            "window": [int(window_numbers(seconds, every)[0])] * n,
            "kind": kind,
            "name": name,
            "cell": pa.array(cell, pa.int32()),
            "count": count,
        }
    )
