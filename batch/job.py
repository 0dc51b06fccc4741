"""A batch run as data: what it scores, and how many rows it scored and rejected."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from batch.options import Format
from batch.output import Destination, discarded_on_error
from batch.row_scorer import RowScorer
from churn_model.errors import BatchError, TableError
from churn_model.tables.reading.row_checker import RowChecker
from churn_model.tables.reading.source import Source
from pyfunc.loaded_version import LoadedVersion


@dataclass(frozen=True)
class Job:
    """One run over one input.

    ``run``: the run's id. ``started``: the scoring time of all rows (UTC). ``as_of``: the day on
    which the ages of dates are computed.
    """

    version: LoadedVersion
    checker: RowChecker
    source: str
    source_format: Format
    target_format: Format
    run: str
    started: datetime
    as_of: date
    partition_by: tuple[str, ...] = ()
    explain: bool = False
    threshold: float | None = None

    def with_folders(self, names: Sequence[str]) -> Job:
        """The same job, for an input whose folders ``column=value`` name these columns."""
        return replace(self, checker=self.checker.with_folders(names))

    def files(self) -> Source:
        """The input, which is not a catalog table."""
        if self.source_format == "table":
            raise ValueError(f"{self.source} is a table of Spark's catalog")
        return Source(self.source, self.source_format, self.checker.descriptor.csv)

    def row_scorer(self) -> RowScorer:
        """What scores the rows of this input."""
        return RowScorer(
            checker=self.checker,
            scorer=self.version.scorer,
            as_of=self.as_of,
            partition_by=self.partition_by,
            explain=self.explain,
            threshold=self.threshold,
        )

    @property
    def text_partitions(self) -> tuple[str, ...]:
        """The partition columns that become folder names; a table keeps the columns' types."""
        return () if self.target_format == "table" else self.partition_by

    def check_partition_columns(self, names: Sequence[str]) -> None:
        """Raise TableError unless the input's columns contain those of ``partition_by``."""
        for name in self.partition_by:
            if name not in names:
                raise TableError(f"--partition-by {name}: the input has no such column")

    def version_columns(self) -> dict[str, str]:
        """The columns of each scored row that name the model version."""
        return {
            "model_name": self.version.name or "",
            "model_version": self.version.number or "",
        }


@dataclass
class RowCounts:
    """Row counts of a run: rows that were read, and rows in the files or tables that were written.

    ``reasons`` counts the broken rules, by ``field:rule``.
    """

    read: int = 0
    scored: int = 0
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def check_complete(self) -> None:
        """Raise BatchError unless every row was either scored or rejected."""
        if self.read != self.scored + self.rejected:
            raise BatchError(
                f"{self.read} rows were read, but {self.scored} scored and {self.rejected} "
                "rejected rows were written: did the input change? Run the command again"
            )

    def summary(self, job: Job, seconds: float) -> dict[str, Any]:
        """The summary that is printed and stored with the results."""
        return {
            "model": {"name": job.version.name, "version": job.version.number},
            "run": job.run,
            "scored_at": job.started.isoformat(),
            **({"as_of": job.as_of.isoformat()} if job.checker.schema.dates else {}),
            "input": job.source,
            "rows": self.read,
            "scored": self.scored,
            "rejected": self.rejected,
            "reasons": dict(sorted(self.reasons.items(), key=lambda item: -item[1])),
            "seconds": round(seconds, 3),
            "rows_per_second": round(self.read / seconds) if seconds else 0,
        }


def score_and_publish(
    job: Job, destination: Destination, score: Callable[[], RowCounts]
) -> dict[str, Any]:
    """Score into the destination and publish the results; returns the summary.

    ``score`` writes to the destination's folders. If anything fails, the destination stays as it
    was before.
    """
    began = time.perf_counter()
    with discarded_on_error(destination):
        counts = score()
        counts.check_complete()
        summary = counts.summary(job, time.perf_counter() - began)
        destination.publish(summary)
    return summary
