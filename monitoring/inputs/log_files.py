"""The files of an inference log: which can be read, and which are skipped and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq

from churn_model.errors import InferenceLogError, first_line
from churn_model.inference_log.log_format import (
    COUNT_COLUMNS,
    COUNTS_FOLDER,
    IDENTIFIERS_KEY,
    ROW_COLUMNS,
    day_of_folder,
    is_complete,
    is_own,
)
from monitoring.plural import plural


@dataclass(frozen=True)
class RowFile:
    """A file of rows. ``identifiers``: ``plain``, or ``siphash:`` and the key's fingerprint."""

    path: str
    identifiers: str
    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class LogFiles:
    """The files of a log in the order of their names, and notes about those that are skipped."""

    folder: str
    filesystem: Any
    rows: tuple[RowFile, ...]
    counts: tuple[str, ...]
    notes: tuple[str, ...]

    def open(self, path: str) -> pq.ParquetFile:
        """Open a file. Raises OSError or pa.ArrowException, for example if it was removed.

        The log's writer replaces the files of the current hour. A local file that is open remains
        the old one; an object in a remote store does not, so it is read at once, and again if it
        was replaced just then.
        """
        if self.filesystem.type_name == "local":
            return pq.ParquetFile(self.filesystem.open_input_file(path))
        try:
            return self._whole(path)
        except (OSError, pa.ArrowException):
            return self._whole(path)

    def _whole(self, path: str) -> pq.ParquetFile:
        with self.filesystem.open_input_file(path) as file:
            return pq.ParquetFile(pa.BufferReader(file.read_buffer()))


def find_log(folder: str) -> LogFiles:
    """Find the files of a log in a local folder, or in any that pyarrow can read by its URI.

    Raises InferenceLogError if the folder cannot be read, or has no file of a log.
    """
    filesystem, root = open_folder(folder)
    rows: list[RowFile] = []
    counts: list[str] = []
    unfinished: list[str] = []
    foreign: list[str] = []
    for path, is_count in _candidates(filesystem, root, folder):
        if not is_complete(path.rpartition("/")[2]):
            unfinished.append(path)
            continue
        found = _read_footer(filesystem, path)
        needed = COUNT_COLUMNS if is_count else ROW_COLUMNS
        if found is None or not set(needed) <= set(found.columns):
            foreign.append(path)
        elif is_count:
            counts.append(path)
        else:
            rows.append(found)
    notes = _skipped(root, unfinished, "being written, or left by a process that was killed")
    notes += _skipped(root, foreign, "damaged, or no part of an inference log")
    if not rows and not counts:
        raise InferenceLogError(
            f"{folder}: contains no inference log{_because(notes)}; name the folder that "
            "--inference-log of churn serve, or CHURN_INFERENCE_LOG, writes to. Files are written "
            "some seconds after customers were scored (--inference-log-flush)"
        )
    return LogFiles(folder, filesystem, tuple(rows), tuple(counts), tuple(notes))


def open_folder(folder: str) -> tuple[Any, str]:
    """The pyarrow file system of a path or URI, and the folder's name in it.

    Raises InferenceLogError.
    """
    try:
        if "://" in folder:
            filesystem, root = pa.fs.FileSystem.from_uri(folder)
        else:
            filesystem, root = pa.fs.LocalFileSystem(), folder
        kind = filesystem.get_file_info(root).type
    except (OSError, pa.ArrowException, ValueError) as error:
        raise unreadable(folder, error) from None
    if kind != pa.fs.FileType.Directory:
        seen = "is a file" if kind == pa.fs.FileType.File else "does not exist"
        raise InferenceLogError(f"{folder}: {seen}; name an existing folder")
    return filesystem, root.rstrip("/")


def unreadable(folder: str, error: BaseException) -> InferenceLogError:
    """The error for a folder or file that cannot be read."""
    return InferenceLogError(f"{folder}: cannot be read ({first_line(error)})")


def _candidates(filesystem: Any, root: str, folder: str) -> Iterator[tuple[str, bool]]:
    """The Parquet files in folders of days, in order, and whether they contain counts."""
    for is_count in (False, True):
        parent = f"{root}/{COUNTS_FOLDER}" if is_count else root
        try:
            for day in _children(filesystem, parent, pa.fs.FileType.Directory):
                if day_of_folder(day.rpartition("/")[2]) is None:
                    continue
                for path in _children(filesystem, day, pa.fs.FileType.File):
                    yield path, is_count
        except (OSError, pa.ArrowException) as error:
            raise unreadable(folder, error) from None


def _children(filesystem: Any, folder: str, kind: Any) -> list[str]:
    selector = pa.fs.FileSelector(folder, allow_not_found=True)
    return sorted(info.path for info in filesystem.get_file_info(selector) if info.type == kind)


def _read_footer(filesystem: Any, path: str) -> RowFile | None:
    """What the end of a Parquet file says; None if it is damaged or another program's."""
    for _ in range(2):  # a remote object may be replaced while it is read
        with suppress(OSError, pa.ArrowException, ValueError):
            return _read_end(filesystem, path)
    return None


def _read_end(filesystem: Any, path: str) -> RowFile | None:
    with pq.ParquetFile(filesystem.open_input_file(path)) as file:
        metadata = file.schema_arrow.metadata or {}
        names = tuple(file.schema_arrow.names)
        rows = file.metadata.num_rows
    if not is_own(metadata) or len(set(names)) < len(names):
        return None
    return RowFile(path, metadata.get(IDENTIFIERS_KEY, b"").decode("ascii", "replace"), names, rows)


def _skipped(root: str, paths: list[str], reason: str) -> list[str]:
    if not paths:
        return []
    example = paths[0].removeprefix(root).lstrip("/")
    return [f"skipped {plural(len(paths), 'file')} {reason}, for example {example}"]


def _because(notes: list[str]) -> str:
    return f" ({'; '.join(notes)})" if notes else ""
