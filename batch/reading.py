"""Reads a table in batches of Arrow columns; cells are neither inferred nor converted."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
from pyarrow.fs import FileSelector, FileSystem, LocalFileSystem

from batch.job import Job
from batch.partitions import folder_values
from batch.row_checker import CORRUPT, LINE, as_text
from churn_model.errors import TableError

ROWS = 131_072
"""Rows per batch: enough to make the cost of a batch negligible, few enough for the cache."""

_IGNORED = re.compile("(^|/)[_.]")
"""The start of the name of a file or folder that readers ignore."""

_READ_AHEAD: dict[str, Any] = {"batch_readahead": 2, "fragment_readahead": 1}


def read(job: Job) -> Iterator[pa.RecordBatch]:
    """The rows of the input. Raises TableError, which names the file that cannot be read."""
    return {"parquet": _parquet, "csv": _csv, "json": _lines}[job.source_format](job)


def folder_columns(job: Job) -> tuple[str, ...]:
    """The columns that the folders ``column=value`` of the input name.

    Raises TableError if files of the input are in folders that name other columns.
    """
    if not Path(job.source).exists() and "://" not in job.source:
        raise TableError(f"{job.source}: no such file or folder; check --input")
    names = {tuple(_folder_values(job.source, file)): file for file in _files(job.source)}
    if len(names) > 1:
        (first, file), (second, other) = list(names.items())[:2]
        raise TableError(
            f"{job.source}: {file} and {other} are in folders that name different columns "
            f"({', '.join(first) or 'none'} and {', '.join(second) or 'none'})"
        )
    return next(iter(names), ())


def _files(source: str) -> list[str]:
    """The files of an input that readers do not ignore."""
    remote = "://" in source
    try:
        system, path = FileSystem.from_uri(source) if remote else (LocalFileSystem(), source)
        if system.get_file_info(path).is_file:
            return [path]
        found = system.get_file_info(FileSelector(path, recursive=True))
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{source}: cannot be read ({_first_line(error)})") from None
    below = len(path.rstrip("/")) + 1
    files = (info.path for info in found if info.is_file)
    return [file for file in files if not _IGNORED.search(file[below:])]


def _folder_values(source: str, file: str) -> dict[str, str | None]:
    """The values that the folders of a file below the input give to columns."""
    root = source.partition("://")[2] if "://" in source else source
    if "://" not in source:
        root, file = os.path.abspath(root), os.path.abspath(file)
    return folder_values(file.removeprefix(root.rstrip("/")).lstrip("/"))


def _with_folders(batch: pa.RecordBatch, values: dict[str, str | None]) -> pa.RecordBatch:
    """A batch with a column of strings for each folder, instead of one of the same name."""
    for name, value in values.items():
        array = pa.repeat(pa.scalar(value, pa.string()), batch.num_rows)
        index = batch.schema.get_field_index(name)
        if index < 0:
            batch = batch.append_column(name, array)
        else:
            batch = batch.set_column(index, name, array)
    return batch


def _parquet(job: Job) -> Iterator[pa.RecordBatch]:
    dataset = _dataset(job.source, "parquet")
    for fragment in _fragments(job.source, "parquet", dataset):
        values = _folder_values(job.source, fragment.path)
        for batch in _batches(fragment, "parquet", dataset.schema):
            if batch.num_rows:
                yield _with_folders(batch, values)


def _csv(job: Job) -> Iterator[pa.RecordBatch]:
    """All columns as bytes, because inferred types and encodings could change cells."""
    descriptor = job.checker.descriptor.csv
    uneven: deque[str] = deque()  # pyarrow parses in several threads; each operation is atomic

    def collect_uneven(row: pyarrow.csv.InvalidRow) -> str:
        uneven.append(row.text)
        return "skip"

    encoding = descriptor.encoding.lower().replace("utf-8-sig", "utf8").replace("utf-8", "utf8")
    options: Any = {
        "parse_options": pyarrow.csv.ParseOptions(
            delimiter=descriptor.separator,
            newlines_in_values=True,
            invalid_row_handler=collect_uneven,
        ),
        "read_options": pyarrow.csv.ReadOptions(encoding=encoding),
    }
    names = _dataset(job.source, ds.CsvFileFormat(**options)).schema.names
    check_reserved(job.source, names)
    conversion = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.binary()),
        strings_can_be_null=False,
        null_values=[],
        check_utf8=False,
    )
    dataset = _dataset(job.source, ds.CsvFileFormat(**options, convert_options=conversion))
    uneven.clear()  # opening the dataset, done twice above, parses the first rows
    schema = pa.schema([(name, pa.string()) for name in dataset.schema.names])
    for fragment in _fragments(job.source, "csv", dataset):
        values = _folder_values(job.source, fragment.path)
        for batch in _batches(fragment, "csv", dataset.schema):
            for rows in _with_uneven(_decoded(batch, schema), _taken(uneven)):
                yield _with_folders(rows, values)
        nothing = pa.RecordBatch.from_pylist([], schema=schema)
        for rows in _with_uneven(nothing, _taken(uneven)):
            yield _with_folders(rows, values)


def check_reserved(source: str, names: Sequence[str]) -> None:
    """Raise TableError for a CSV table with the column in which corrupt rows are kept."""
    if CORRUPT in names:
        raise TableError(f"{source}: column {CORRUPT!r} is reserved for corrupt rows; rename it")


def _taken(rows: deque[str]) -> list[str]:
    """Remove the rows that are there, while other threads may add more."""
    return [rows.popleft() for _ in range(len(rows))]


def _decoded(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Bytes as strings; invalid bytes become U+FFFD."""
    arrays = [as_text(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _with_uneven(batch: pa.RecordBatch, rows: list[str]) -> Iterator[pa.RecordBatch]:
    """A batch with the rows appended that have other numbers of cells than the header."""
    if not batch.num_rows and not rows:
        return
    arrays = [pa.concat_arrays([c, pa.nulls(len(rows), c.type)]) for c in batch.columns]
    whole_rows = pa.nulls(batch.num_rows, pa.string())
    corrupt = pa.concat_arrays([whole_rows, pa.array(rows, pa.string())])
    yield pa.RecordBatch.from_arrays([*arrays, corrupt], names=[*batch.schema.names, CORRUPT])


def _dataset(source: str, kind: Any) -> ds.Dataset:
    try:
        return ds.dataset(source, format=kind)
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{source}: cannot be read ({_first_line(error)})") from None


def _fragments(source: str, kind: str, dataset: ds.Dataset) -> list[ds.Fragment]:
    fragments = list(dataset.get_fragments())
    if not fragments:
        raise TableError(f"{source}: contains no {kind} file; check --input and --format")
    return fragments


def _batches(fragment: ds.Fragment, kind: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    try:
        yield from fragment.to_batches(schema=schema, batch_size=ROWS, **_READ_AHEAD)
    except (pa.ArrowException, OSError) as error:
        raise TableError(
            f"{fragment.path}: cannot be read as {kind} ({_first_line(error)})"
        ) from None


def _lines(job: Job) -> Iterator[pa.RecordBatch]:
    """JSON lines, one customer per line; .gz and .bz2 files are decompressed."""
    files = _line_files(job.source)
    if not files:
        raise TableError(f"{job.source}: contains no file; check --input")
    for file in files:
        try:
            with pa.input_stream(str(file), compression="detect") as stream:
                yield from _in_batches(stream)
        except (pa.ArrowException, OSError) as error:
            raise TableError(f"{file}: cannot be read as json ({_first_line(error)})") from None


def _line_files(source: str) -> list[Path]:
    path = Path(source)
    if path.is_file():
        return [path]
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    return [path / name for name in names if not _IGNORED.search(name)]


def _in_batches(stream: Any) -> Iterator[pa.RecordBatch]:
    unfinished: list[bytes] = []  # the blocks of a line whose end has not been read
    while True:
        block: bytes = stream.read(1 << 23)
        first, *others = block.split(b"\n")
        unfinished.append(first)
        if block and not others:
            continue
        lines = [b"".join(unfinished), *others]
        unfinished = [lines.pop()] if block else []
        lines = [line for line in lines if line.strip()]
        if lines:
            yield pa.RecordBatch.from_pydict({LINE: pa.array(lines, pa.binary())})
        if not block:
            return


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
