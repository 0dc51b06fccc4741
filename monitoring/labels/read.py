"""Reads labels and joins them with what was scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from churn_model.errors import MonitoringError
from churn_model.inference_log.identifiers import PLAIN, hashed_forms
from churn_model.inference_log.log_format import day_of_folder
from monitoring.inputs.batch_files import BatchRun
from monitoring.inputs.log_files import LogFiles
from monitoring.inputs.predictions import Block, batch_blocks, identifier_column, log_blocks
from monitoring.labels.explain import explain_no_match
from monitoring.labels.join import Join, join
from monitoring.labels.options import LabelOptions
from monitoring.labels.table import Labels, read_label_table
from monitoring.plural import plural


@dataclass(frozen=True)
class PredictionFiles:
    """Where the predictions of a model are: in a log, in batch results, or in both.

    ``identifiers``: the names of the record's identifiers. ``key``: of the log's hashed
    identifiers; None if they are plain.
    """

    model_name: str
    identifiers: tuple[str, ...]
    log: LogFiles | None = None
    runs: Sequence[BatchRun] = ()
    key: bytes | None = None


def join_labels(
    options: LabelOptions, scored: PredictionFiles
) -> tuple[Labels, Join, tuple[str, ...]]:
    """Read the labels and join them; also returns notes.

    Raises TableError for a table that cannot be read, and MonitoringError with the reason if no
    label has a prediction.
    """
    labels = read_label_table(options)
    damaged: list[str] = []
    joined = join(labels, _blocks(options, labels, scored, damaged), scored.key)
    found = np.zeros(len(labels), dtype=bool)
    for current in joined.current.values():
        found[current.labels] = True
    if not found.any():
        raise MonitoringError(
            f"{options.table}: {explain_no_match(labels, joined, scored.key, _logged(scored))}"
        )
    notes = _notes(labels, joined, scored.key, int(found.sum()), damaged)
    return labels, joined, (*labels.notes, *notes)


def _blocks(
    options: LabelOptions, labels: Labels, scored: PredictionFiles, damaged: list[str]
) -> Iterator[Block]:
    column = identifier_column(options.id, scored.identifiers)
    last = date.fromisoformat(str(labels.days.max()))
    first = date.fromisoformat(str(labels.days.min()))
    is_limited = options.window and first - date.min >= timedelta(days=options.window)
    first = first - timedelta(days=options.window) if is_limited else date.min
    if scored.log is not None:
        yield from log_blocks(scored.log, scored.model_name, column, first, last, damaged)
    if scored.runs:
        yield from batch_blocks(scored.runs, column, first, last)


def _logged(scored: PredictionFiles) -> tuple[date, date] | None:
    """The first and the last day with scored rows; None without rows."""
    days = [run.scored_at.date() for run in scored.runs if run.scored]
    for file in scored.log.rows if scored.log is not None else ():
        day = day_of_folder(file.path.split("/")[-2])
        if day is not None and file.rows:
            days.append(day)
    return (min(days), max(days)) if days else None


def _notes(
    labels: Labels, joined: Join, key: bytes | None, found: int, damaged: list[str]
) -> Iterator[str]:
    if damaged:
        yield (
            f"log: {plural(len(damaged), 'file')} of rows damaged or removed in the meantime, for "
            f"example {damaged[0]}"
        )
    if found < len(labels):
        yield (
            f"labels: {len(labels) - found:,} of {len(labels):,} final labels have no prediction "
            "before the end of the observation date and within the window before it"
        )
    readable = {PLAIN, *hashed_forms(key)}
    other = sum(rows for form, rows in joined.forms.items() if form not in readable)
    if other:
        yield (
            f"log: the identifiers of {plural(other, 'row')} are hashed with "
            f"{'a' if key is None else 'another'} key and cannot be joined with labels"
        )
