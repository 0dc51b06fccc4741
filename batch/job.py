"""What a batch run is told, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from batch.row_checker import RowChecker
from pyfunc.loaded_version import LoadedVersion

Format = Literal["parquet", "csv", "json", "table"]


@dataclass(frozen=True)
class Job:
    """One run over one input.

    ``started`` (UTC) is the scoring time of all its rows, ``as_of`` the day that dates are aged to.
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

    def stamp(self) -> dict[str, str]:
        """What each scored row carries of the model, beside ``scored_at``."""
        return {
            "model_name": self.version.name or "",
            "model_version": self.version.number or "",
        }


@dataclass
class RowCounts:
    """Rows counted: ``read == scored + rejected``; ``reasons`` by ``field:rule``."""

    read: int = 0
    scored: int = 0
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def summary(self, job: Job, seconds: float) -> dict[str, Any]:
        """The run's account, for people and machines."""
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
