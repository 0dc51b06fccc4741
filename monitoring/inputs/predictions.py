"""The scored customers, row by row, in blocks: from an inference log, or from batch results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churn_model.arrays import Floats
from churn_model.errors import MonitoringError
from churn_model.inference_log.identifiers import PLAIN
from churn_model.inference_log.log_format import day_of_folder
from monitoring.inputs.batch import BATCH, PROBABILITY, to_numbers
from monitoring.inputs.batch_files import BatchRun
from monitoring.inputs.log_files import LogFiles, RowFile
from monitoring.windows import EPOCH

BLOCK_ROWS = 262_144


@dataclass(frozen=True)
class Block:
    """k scored customers of one file.

    ``form``: how identifiers are written, ``plain`` or ``siphash:`` and the key's fingerprint.
    ``identifiers``, ``versions``, ``sources``: Arrow strings (k,). ``scored_at`` (k,): microseconds
    since 1970-01-01 (UTC). ``file``: the file; ``rows`` (k,): the rows in it.
    """

    form: str
    identifiers: pa.Array
    versions: pa.Array
    sources: pa.Array
    scored_at: npt.NDArray[np.int64]
    probability: Floats
    file: str
    rows: npt.NDArray[np.int64]

    def take(self, chosen: npt.NDArray[np.intp]) -> Block:
        """Some of its customers."""
        index = pa.array(chosen)
        return Block(
            self.form,
            self.identifiers.take(index),
            self.versions.take(index),
            self.sources.take(index),
            self.scored_at[chosen],
            self.probability[chosen],
            self.file,
            self.rows[chosen],
        )


def log_blocks(
    files: LogFiles,
    model_name: str,
    identifier: str,
    first: date,
    last: date,
    damaged: list[str] | None = None,
) -> Iterator[Block]:
    """The rows that a model logged from ``first`` to ``last`` (UTC days, inclusive).

    ``identifier``: the log's column that identifies a customer; files without it are left out.
    ``damaged``: is extended by the files that cannot be read to the end, because they are damaged
    or were removed in the meantime.
    """
    columns = [
        *("scored_at", "model_name", "model_version", "source", "churn_probability"),
        identifier,
    ]
    for file in files.rows:
        day = day_of_folder(file.path.split("/")[-2])
        if day is None or not first <= day <= last or identifier not in file.columns:
            continue
        try:
            yield from _file_blocks(files, file, model_name, columns)
        except (OSError, pa.ArrowException, ValueError, KeyError):
            if damaged is not None:
                damaged.append(file.path)


def _file_blocks(
    files: LogFiles, file: RowFile, model_name: str, columns: list[str]
) -> Iterator[Block]:
    start = 0
    with files.open(file.path) as opened:
        for batch in opened.iter_batches(BLOCK_ROWS, columns=columns):
            yield _log_block(batch, file, model_name, columns[-1], start)
            start += batch.num_rows


def _log_block(
    batch: pa.RecordBatch, file: RowFile, model_name: str, identifier: str, start: int
) -> Block:
    own = pc.fill_null(pc.equal(batch.column("model_name"), model_name), False)
    known = pc.and_(own, pc.is_valid(batch.column(identifier)))
    probability = batch.column("churn_probability")
    is_score = pc.and_(pc.greater_equal(probability, 0.0), pc.less_equal(probability, 1.0))
    known = pc.and_(known, pc.fill_null(is_score, False))
    rows = np.flatnonzero(known.to_numpy(zero_copy_only=False))
    chosen = batch.filter(known)
    return Block(
        file.identifiers,
        chosen.column(identifier).cast(pa.string()),
        pc.fill_null(chosen.column("model_version"), ""),
        pc.fill_null(chosen.column("source"), ""),
        _microseconds(chosen.column("scored_at")),
        chosen.column("churn_probability").to_numpy(zero_copy_only=False),
        file.path,
        start + rows.astype(np.int64),
    )


def _microseconds(times: Any) -> npt.NDArray[np.int64]:
    cast = times.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return np.asarray(pc.fill_null(cast, np.iinfo(np.int64).min).to_numpy(zero_copy_only=False))


def batch_blocks(
    runs: Iterable[BatchRun], identifier: str, first: date, last: date
) -> Iterator[Block]:
    """The scored rows of runs from ``first`` to ``last`` (UTC days, inclusive).

    Raises MonitoringError if a run's rows cannot be read.
    """
    for run in runs:
        if not (run.scored and first <= run.scored_at.astimezone(EPOCH.tzinfo).date() <= last):
            continue
        if identifier not in run.columns():
            raise MonitoringError(
                f"the results of run {run.run} have no column {identifier!r} to join labels with"
            )
        scored_at = (run.scored_at - EPOCH) // timedelta(microseconds=1)
        start = 0
        for batch in run.batches([identifier, PROBABILITY]):
            yield _batch_block(batch, run, identifier, scored_at, start)
            start += batch.num_rows


def _batch_block(
    batch: pa.RecordBatch, run: BatchRun, identifier: str, scored_at: int, start: int
) -> Block:
    probability = to_numbers(batch.column(PROBABILITY))
    identifiers = batch.column(identifier).cast(pa.string())
    is_known = pc.is_valid(identifiers).to_numpy(zero_copy_only=False)
    chosen = np.flatnonzero((probability >= 0) & (probability <= 1) & is_known)
    k = len(chosen)
    return Block(
        PLAIN,
        identifiers.take(pa.array(chosen)),
        pa.array([run.model_version] * k, pa.string()),
        pa.array([BATCH] * k, pa.string()),
        np.full(k, scored_at, dtype=np.int64),
        probability[chosen],
        f"run={run.run}",
        start + chosen.astype(np.int64),
    )


def identifier_column(id_column: str, identifiers: Sequence[str]) -> str:
    """The record's field that ``--id`` of the labels corresponds to.

    ``identifiers``: the names of the record's identifiers. Raises MonitoringError if it is not
    clear which one is meant.
    """
    if id_column in identifiers or len(identifiers) == 1:
        return id_column if id_column in identifiers else identifiers[0]
    if not identifiers:
        raise MonitoringError(
            "the model's records have no identifier, so that labels cannot be joined with them"
        )
    raise MonitoringError(
        f"--id {id_column}: the model's records have the identifiers "
        f"{', '.join(map(repr, identifiers))}; rename the column of the labels to one of them"
    )
