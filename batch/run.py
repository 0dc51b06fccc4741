"""One run of ``churn score``: reads the model, scores with one of the engines, publishes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from batch.job import Job
from batch.options import ScoreOptions
from batch.progress import stage
from churn_model.errors import BatchError
from churn_model.schema.column import OUTPUT_COLUMNS
from churn_model.scoring import EXPECTED_PROFIT
from churn_model.tables.descriptor import TableDescriptor, load_descriptor
from churn_model.tables.reading.checked_rows import RULES
from churn_model.tables.reading.row_checker import CORRUPT, FORMS, RowChecker
from pyfunc.environment import quiet_mlflow
from pyfunc.loaded_version import LoadedVersion, read_version

_OTHER_COLUMNS = ("run", "scored_at", RULES, CORRUPT)
"""Columns of results besides identifiers, scores and version; ``run`` is in folder names."""


def score_table(
    options: ScoreOptions, spark_session: Callable[[], Any] | None = None
) -> dict[str, Any]:
    """Score the input and publish the results; returns the summary.

    ``spark_session``: waits for the session of ``--engine spark``. Raises ChurnError; then no
    output was written.
    """
    quiet_mlflow()
    with stage(f"reading {options.model_uri}"):
        version = read_version(options.model_uri)
    job = _job(options, version)
    _check_partitions(job)
    if spark_session is None:
        from batch import local

        return local.run(job, options.output, options.mode)
    from batch import spark

    with stage("starting Spark"):
        started = spark_session()
    return spark.run(started, job, options.output, options.mode)


def _job(options: ScoreOptions, version: LoadedVersion) -> Job:
    schema = version.scorer.schema
    descriptor = _descriptor(options, version)
    started = datetime.now(timezone.utc)
    return Job(
        version=version,
        checker=RowChecker(schema, descriptor, FORMS[options.source_format], options.input),
        source=options.input,
        source_format=options.source_format,
        target_format=options.target_format,
        run=f"{started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
        started=started,
        as_of=options.as_of or started.date(),
        partition_by=options.partition_by,
        explain=options.explain,
        threshold=options.threshold,
    )


def _descriptor(options: ScoreOptions, version: LoadedVersion) -> TableDescriptor:
    """The table's descriptor; cells are written as in training where ``--columns`` is silent."""
    trained = version.table()
    if options.columns is None:
        return trained
    given = load_descriptor(options.columns, TableDescriptor, version.scorer.schema)
    return given.with_cells_of(trained)


def _expected_profit(job: Job) -> list[str]:
    """The column that only models with a campaign return."""
    return [] if job.version.scorer.scorecard.campaign is None else [EXPECTED_PROFIT]


def _check_partitions(job: Job) -> None:
    """Raise BatchError if results cannot be partitioned by these columns."""
    names = job.partition_by
    identifiers = {column.name for column in job.checker.schema.identifiers}
    results = {
        *identifiers,
        *OUTPUT_COLUMNS,
        *_expected_profit(job),
        *job.version_columns(),
        *_OTHER_COLUMNS,
    }
    duplicates = sorted(results & set(names))
    if duplicates:
        raise BatchError(f"--partition-by {','.join(duplicates)}: the results have such a column")
    if len(set(names)) < len(names):
        raise BatchError(f"--partition-by {','.join(names)}: names a column twice")
    for name in names:
        if name.startswith(("_", ".")):
            raise BatchError(
                f"--partition-by {name}: folders whose names begin with {name[0]!r} are ignored by "
                "most readers; rename the column"
            )
