"""The results of ``churn score`` in a folder: the runs, their summaries and their scored rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds

from churn_model.errors import MonitoringError, first_line

_SUMMARY = "_summary-"
_READ_ROWS = 65_536


@dataclass(frozen=True)
class BatchRun:
    """A run of ``churn score``, as its summary describes it.

    ``files``: of its scored rows, all in the format that pyarrow calls ``format``.
    """

    run: str
    model_name: str
    model_version: str
    scored_at: datetime
    scored: int
    rejected: int
    reasons: dict[str, int]
    files: tuple[str, ...]
    format: str

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Its scored rows with some columns, as they are in the files. Raises MonitoringError.

        Columns of a CSV file are strings.
        """
        if not self.files:
            return
        try:
            yield from self._dataset(columns).to_batches(columns=columns, batch_size=_READ_ROWS)
        except (OSError, pa.ArrowException, ValueError) as error:
            raise MonitoringError(
                f"the results of run {self.run} cannot be read ({first_line(error)})"
            ) from None

    def columns(self) -> tuple[str, ...]:
        """The names of the columns of its scored rows."""
        return tuple(self._dataset([]).schema.names)

    def _dataset(self, columns: list[str]) -> Any:
        if self.format != "csv":
            return ds.dataset(list(self.files), format=self.format)
        types = dict.fromkeys(columns, pa.string())
        convert = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=False)
        return ds.dataset(list(self.files), format=ds.CsvFileFormat(convert_options=convert))


def find_runs(folder: str) -> tuple[list[BatchRun], tuple[str, ...]]:
    """The runs whose results are in a folder, earliest first, and notes about what is skipped.

    Raises MonitoringError for a folder that ``churn score`` did not write.
    """
    base = Path(folder)
    if not base.is_dir():
        seen = "is a file" if base.exists() else "does not exist"
        raise MonitoringError(f"{folder}: {seen}; name the --output of churn score")
    notes: list[str] = []
    runs: list[BatchRun] = []
    try:
        for summary in sorted(base.glob(f"{_SUMMARY}*.json")):
            found = _read_run(base, summary)
            if found is None:
                notes.append(f"{summary.name} is not a summary of churn score and skipped")
            else:
                runs.append(found)
        notes += _without_summary(base, {each.run for each in runs})
    except OSError as error:
        raise MonitoringError(f"{folder}: cannot be read ({error.strerror})") from None
    if not runs:
        why = f" ({'; '.join(notes)})" if notes else ""
        raise MonitoringError(
            f"{folder}: contains no results of churn score{why}; name the folder of its --output"
        )
    return sorted(runs, key=lambda each: each.scored_at), tuple(notes)


def _read_run(base: Path, file: Path) -> BatchRun | None:
    run = file.stem.removeprefix(_SUMMARY)
    try:
        summary = json.loads(file.read_text(encoding="utf-8"))
        scored_at = _time(summary["scored_at"])
        reasons = {str(rule): _count(count) for rule, count in summary["reasons"].items()}
        model = summary["model"]
        files = _scored_files(base / "scored" / f"run={run}")
        return BatchRun(
            run,
            str(model["name"] or ""),
            str(model["version"] or ""),
            scored_at,
            _count(summary["scored"]),
            _count(summary["rejected"]),
            reasons,
            tuple(files),
            _format(files),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _time(text: str) -> datetime:
    """A time, in UTC if it has no zone. Raises ValueError for one that no run can have."""
    time = datetime.fromisoformat(text)
    time = time if time.tzinfo else time.replace(tzinfo=timezone.utc)
    if not 1970 < time.year < 9999:
        raise ValueError("is not the time of a run")
    return time


def _count(value: object) -> int:
    """A number of rows. Raises ValueError for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("is not a number of rows")
    return value


def _scored_files(folder: Path) -> list[str]:
    """The files of rows below a folder, which may be partitioned."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        str(path)
        for path in files
        if not any(part.startswith(("_", ".")) for part in path.relative_to(folder).parts)
    )


def _format(files: list[str]) -> str:
    """The format of files, by their names; Spark compresses JSON and CSV as ``.csv.gz``."""
    suffixes = Path(files[0]).suffixes if files else []
    return next((s[1:] for s in suffixes if s in (".csv", ".json")), "parquet")


def _without_summary(base: Path, known: set[str]) -> list[str]:
    """A note about runs that are not finished, or whose summary is missing."""
    names = (path.name for path in (base / "scored").glob("run=*"))
    missing = sorted(name for name in names if name.removeprefix("run=") not in known)
    if not missing:
        return []
    return [f"scored/{name} has no summary and is skipped" for name in missing[:3]]
