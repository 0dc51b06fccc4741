"""Which table is read, and its format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, TypeAlias

from churn_model.tables.descriptor import CsvFormat

FileFormat: TypeAlias = Literal["parquet", "csv", "json"]

_FORMATS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}
_COMPRESSIONS = (".gz", ".bz2", ".zst", ".zstd", ".lz4", ".snappy", ".xz", ".deflate", ".br")


@dataclass(frozen=True)
class Source:
    """A table in files.

    ``path``: a file, a folder, or a URI of one of pyarrow's file systems. ``csv``: how its CSV
    files are written. ``flag``: the flag that names the table, for error messages.
    """

    path: str
    format: FileFormat
    csv: CsvFormat
    flag: str = "--input"


def format_of(name: str) -> FileFormat:
    """The format that the last suffix of a name implies, before that of a compression."""
    path = PurePosixPath(name.rstrip("/").lower())
    if path.suffix in _COMPRESSIONS:
        path = path.with_suffix("")
    return _FORMATS.get(path.suffix, "parquet")
