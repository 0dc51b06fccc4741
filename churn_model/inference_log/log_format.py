"""The files of an inference log: their names, columns and metadata.

::

    FOLDER/date=2026-01-31/part-<worker>-<n>.parquet           one row per logged customer
    FOLDER/counts/date=2026-01-31/part-<worker>-<n>.parquet    counts per minute

Dates are in UTC. A name that starts with ``_`` or ``.`` is a file that is still being written.
A file may be replaced by one that has its content and more, until its hour is over: its rows keep
their order, and further ones follow. Counts of the same minute, version, source, kind, name and
cell may occur several times, also in one file: they add up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from churn_model.errors import InferenceLogError
from churn_model.schema import RecordSchema

if TYPE_CHECKING:
    import pyarrow as pa

Level: TypeAlias = Literal["counts", "scores", "values"]
"""``counts``: no rows. ``scores``: rows without the features. ``values``: rows with them."""

LEVELS: Final[tuple[Level, ...]] = ("counts", "scores", "values")

COUNTS_FOLDER: Final = "counts"
FORMAT_KEY: Final = b"churn.inference_log"
FORMAT_VERSION: Final = b"1"
"""Parquet key-value metadata of every file of a log; a file without it is foreign."""

IDENTIFIERS_KEY: Final = b"churn.identifiers"
"""Metadata of a file of rows: ``plain``, or ``siphash:`` and the key's fingerprint."""

COUNTED_KEY: Final = b"churn.counted_rows"
"""Metadata of a file of counts: a JSON object of the names of files of rows (of the same day) and
how many of their rows, from the first, are counted up to this file."""

BEFORE_IDENTIFIERS: Final = ("inference_id", "request_id", "row")
AFTER_IDENTIFIERS: Final = (
    "scored_at",
    "model_name",
    "model_version",
    "churn_prediction",
    "churn_probability",
    "threshold",
    "sampling_fraction",
    "source",
)
ROW_COLUMNS: Final = (*BEFORE_IDENTIFIERS, *AFTER_IDENTIFIERS)
"""The columns of rows besides identifiers and features."""

COUNT_COLUMNS: Final = (
    "minute",
    "model_name",
    "model_version",
    "source",
    "kind",
    "name",
    "cell",
    "count",
)

ROWS: Final = "rows"
RULE: Final = "rule"
TERM: Final = "term"
SCORE: Final = "score"
PREDICTED: Final = "predicted"
REVENUE: Final = "revenue"
WITH_REVENUE: Final = "with_revenue"
"""Kinds of counts. ROWS: by outcome, see below. RULE: rejected rows by ``field:rule``. TERM: scored
rows by term and table cell. The others are by score bin, as in ``CellCounts``."""

SCORED: Final = "scored"
REJECTED: Final = "rejected"
LOGGED: Final = "logged"
DROPPED: Final = "dropped"
NOT_SAMPLED: Final = "not_sampled"
"""Names of kind ROWS: scored = logged + dropped + not sampled. At level counts, none is sampled."""

_DATE_FOLDER = re.compile(r"date=(\d{4}-\d\d-\d\d)", re.ASCII)
_PART = re.compile(r"_?part-[0-9a-f]+-\d+\.parquet", re.ASCII)


def date_folder(day: date) -> str:
    """The name of a day's folder."""
    return f"date={day.isoformat()}"


def day_of_folder(name: str) -> date | None:
    """The day of a folder, from its name; None for any other folder."""
    match = _DATE_FOLDER.fullmatch(name)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def part_name(worker: str, number: int) -> str:
    """The name of a file. ``worker``: hexadecimal digits."""
    return f"part-{worker}-{number}.parquet"


def is_part_name(name: str) -> bool:
    """Whether a file may be one of a log, complete or not, by its name."""
    return _PART.fullmatch(name) is not None


def is_complete(name: str) -> bool:
    """Whether a file has its final name, so that it can be read."""
    return not name.startswith(("_", "."))


def is_own(metadata: Mapping[bytes, bytes] | None) -> bool:
    """Whether a Parquet file's key-value metadata is that of a log in this format."""
    return (metadata or {}).get(FORMAT_KEY) == FORMAT_VERSION


def with_rows(metadata: Mapping[bytes, bytes], rows: Mapping[str, int]) -> dict[bytes, bytes]:
    """The metadata of a file of counts that counts these rows, by the names of their files."""
    return {**metadata, COUNTED_KEY: json.dumps(rows).encode()}


def counted_rows(metadata: Mapping[bytes, bytes] | None) -> dict[str, int]:
    """How many rows of which files are counted, from the metadata of a file of counts.

    A file of rows may be named by several files of counts; the largest number is true. Further rows
    were written by a process that was killed before it could write their counts.
    """
    rows: dict[str, int] = json.loads((metadata or {}).get(COUNTED_KEY, b"{}"))
    return rows


def row_schema(schema: RecordSchema, features: Iterable[str], identifiers: str) -> pa.Schema:
    """The columns of a file of rows.

    ``features``: those whose values are logged. ``identifiers``: the value of IDENTIFIERS_KEY.
    Raises InferenceLogError if a field has the name of another column.
    """
    import pyarrow as pa

    fields = [
        *((name, _row_types()[name]) for name in BEFORE_IDENTIFIERS),
        *((column.name, pa.string()) for column in schema.identifiers),
        *((name, _row_types()[name]) for name in AFTER_IDENTIFIERS),
        *_feature_fields(schema, set(features)),
    ]
    names = [name for name, _ in fields]
    for name in names:
        if names.count(name) > 1:
            raise InferenceLogError(
                f"field {name!r} has the name of a column of the inference log; rename the field, "
                "or log without it at level counts (or scores, if it is a feature)"
            )
    metadata = {FORMAT_KEY: FORMAT_VERSION, IDENTIFIERS_KEY: identifiers.encode()}
    return pa.schema(fields, metadata=metadata)


def counts_schema() -> pa.Schema:
    """The columns of a file of counts."""
    import pyarrow as pa

    types: dict[str, Any] = {
        "minute": pa.timestamp("s", tz="UTC"),
        "cell": pa.int32(),
        "count": pa.float64(),
    }
    fields = [(name, types.get(name, pa.string())) for name in COUNT_COLUMNS]
    return pa.schema(fields, metadata={FORMAT_KEY: FORMAT_VERSION})


def _row_types() -> dict[str, Any]:
    import pyarrow as pa

    return {
        "inference_id": pa.string(),
        "request_id": pa.string(),
        "row": pa.int64(),
        "scored_at": pa.timestamp("us", tz="UTC"),
        "model_name": pa.string(),
        "model_version": pa.string(),
        "churn_prediction": pa.int64(),
        "churn_probability": pa.float64(),
        "threshold": pa.float64(),
        "sampling_fraction": pa.float64(),
        "source": pa.string(),
    }


def _feature_fields(schema: RecordSchema, features: set[str]) -> list[tuple[str, Any]]:
    import pyarrow as pa

    types = {
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "category": pa.string(),
    }
    return [(c.name, types[c.kind]) for c in schema.features if c.name in features]
