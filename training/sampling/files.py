"""Reads a table in files in batches: a folder, a pattern, a URL, or one large file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
from pyarrow.fs import FileType

from churn_model.errors import TableError
from churn_model.progress import in_progress
from churn_model.redaction import redact_uri
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.reading.batches import folder_columns, read
from churn_model.tables.reading.csv_detection import detect_source_format
from churn_model.tables.reading.locations import (
    file_names,
    file_system,
    is_pattern,
    is_url,
    root_of,
)
from churn_model.tables.reading.source import FileFormat, Source, format_of
from training.sampling.checked import CheckedPart, Checker
from training.sampling.first_reading import FirstReading, read_first
from training.sampling.overview import Columns
from training.sampling.raw_rows import named_columns

_DELTA = "_delta_log"
_BY_SUFFIX = (".csv", ".parquet", ".pq")


@dataclass(frozen=True)
class FileReader:
    """Reads the files of a table in batches. ``columns``: their names, without blanks."""

    source: Source
    columns: Sequence[str]

    @classmethod
    def open(cls, path: str | Path, declared: CsvFormat) -> FileReader:
        """Find the files, and how they are written. Raises TableError.

        ``declared``: the [csv] table of a descriptor.
        """
        text = str(path)
        reject_delta(text)
        kind = _format(text)
        csv = detect_source_format(text, declared) if kind == "csv" else declared
        source = Source(text, kind, csv, "--data")
        folder_columns(source)
        first = next(read(source), None)
        if first is None:
            raise TableError(f"{text}: has no rows")
        return cls(source, list(named_columns(first.schema.names)))

    @property
    def path(self) -> str:
        """The table, as the user named it, without credentials."""
        return redact_uri(self.source.path) if is_url(self.source.path) else self.source.path

    @property
    def name(self) -> str:
        """The name of the file without its suffix, or of the folder."""
        return name_of(self.source.path)

    @property
    def csv(self) -> CsvFormat:
        """How the CSV files are written."""
        return self.source.csv

    def read_first(self, columns: Columns, wanted: Sequence[str], most: int) -> FirstReading:
        """Count the rows, and keep some. Raises TableError."""
        with in_progress(f"reading {self.path}"):
            return read_first(self._batches(), columns, wanted, most)

    def check(self, checker: Checker) -> CheckedPart:
        """Check all rows, and keep the sampled ones. Raises TableError."""
        part = CheckedPart()
        with in_progress(f"checking {self.path}"):
            for rows in self._batches():
                part.add(checker(rows, part.rows))
        return part

    def _batches(self) -> Iterator[pa.RecordBatch]:
        return read(self.source)


def name_of(path: str) -> str:
    """The name of a table: of its file without suffix, or of its folder."""
    root = root_of(path).partition("?")[0] if is_url(path) else root_of(path)
    name = PurePosixPath(root.rstrip("/")).name
    return PurePosixPath(name).stem or path


def reject_delta(path: str) -> None:
    """Raise TableError for a Delta table: its files include rows that are not in it any more."""
    system, root = file_system(root_of(path))
    with suppress(pa.ArrowException, OSError):  # reading the table gives a better error
        if system.get_file_info(f"{root.rstrip('/')}/{_DELTA}").type == FileType.Directory:
            raise TableError(
                f"{path}: is a Delta table, whose files include old rows; read it with --engine "
                "spark by its name in the catalog"
            )


def _format(path: str) -> FileFormat:
    """The format of all files. Raises TableError if they have several, or another one."""
    if not is_url(path) and not Path(root_of(path)).exists():
        raise TableError(f"{path}: no such file or folder")
    files = file_names(path)
    if not files:
        raise TableError(f"{path}: contains no file")
    other = next((file for file in files if not _is_table(file)), None)
    if other is not None:
        raise TableError(f"{other}: is neither .csv nor .parquet{_pattern_hint(path, files)}")
    found = sorted({format_of(file) for file in files})
    if len(found) > 1:
        raise TableError(f"{path}: contains .csv and .parquet files{_pattern_hint(path, files)}")
    return found[0]


def _is_table(file: str) -> bool:
    suffixes = PurePosixPath(file.lower()).suffixes
    return format_of(file) != "json" and any(suffix in _BY_SUFFIX for suffix in suffixes)


def _pattern_hint(path: str, files: Sequence[str]) -> str:
    """How to name the files of one kind in a folder; empty if there is none, or for a pattern."""
    table = next((file for file in files if _is_table(file)), None)
    if table is None or is_pattern(path):
        return ""
    pattern = f"{path.rstrip('/')}/*{PurePosixPath(table).suffix}"
    return f"; name the files of one kind, as in '{pattern}'"
