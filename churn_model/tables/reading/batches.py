"""Reads a table in batches of Arrow columns; cells are neither inferred nor converted."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from churn_model.errors import TableError, first_line
from churn_model.tables.reading.csv_files import CsvFile, check_same_header
from churn_model.tables.reading.file_names import check_names
from churn_model.tables.reading.folder_values import folder_values
from churn_model.tables.reading.locations import (
    file_names,
    file_system,
    is_pattern,
    is_url,
    root_of,
)
from churn_model.tables.reading.row_checker import LINE
from churn_model.tables.reading.source import Source

ROWS = 131_072
"""Rows per batch: enough to make the cost of a batch negligible, few enough for the cache."""

_READ_AHEAD: dict[str, Any] = {"batch_readahead": 2, "fragment_readahead": 1}


def read(source: Source) -> Iterator[pa.RecordBatch]:
    """The rows of a table. Raises TableError, which names the file that cannot be read."""
    return {"parquet": _parquet, "csv": _csv, "json": _lines}[source.format](source)


def folder_columns(source: Source) -> tuple[str, ...]:
    """The columns that the folders ``column=value`` of a table name.

    Raises TableError if files of the table are in folders that name other columns.
    """
    root = root_of(source.path)
    if not is_url(source.path) or source.path.startswith("file://"):
        check_names(root)
    if not is_url(source.path) and not Path(root).exists():
        raise TableError(f"{source.path}: no such file or folder; check {source.flag}")
    names = {tuple(_folder_values(source.path, file)): file for file in file_names(source.path)}
    if len(names) > 1:
        (first, file), (second, other) = list(names.items())[:2]
        raise TableError(
            f"{source.path}: {file} and {other} are in folders that name different columns "
            f"({', '.join(first) or 'none'} and {', '.join(second) or 'none'})"
        )
    return next(iter(names), ())


def _folder_values(source: str, file: str) -> dict[str, str | None]:
    """The values that the folders of a file below the input give to columns."""
    root = file_system(root_of(source))[1]
    if not is_url(source):
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


def _parquet(source: Source) -> Iterator[pa.RecordBatch]:
    fragments = _fragments(source.path)
    schema = _common_schema(fragments)
    for fragment in fragments:
        values = _folder_values(source.path, fragment.path)
        for batch in _batches(fragment, schema):
            if batch.num_rows:
                yield _with_folders(batch, values)


def _csv(source: Source) -> Iterator[pa.RecordBatch]:
    """All columns as strings, because inferred types could change cells."""
    first: CsvFile | None = None
    names: list[str] = []
    for path in file_names(source.path):
        file = CsvFile(path, source.csv)
        with _stream(source.path, path, "csv") as stream:
            header = file.header(stream)
        if not header:
            continue
        if first is None:
            first, names = file, header
        check_same_header(first.name, names, path, header)
        values = _folder_values(source.path, path)
        with _stream(source.path, path, "csv") as stream:
            for batch in file.batches(stream, names):
                yield _with_folders(batch, values)
    if first is None:
        raise TableError(f"{source.path}: contains no csv file with a header; check {source.flag}")


@contextmanager
def _stream(source: str, file: str, kind: str) -> Iterator[Any]:
    """A file's bytes; compressed files such as .gz are decompressed."""
    try:
        with file_system(root_of(source))[0].open_input_stream(
            file, compression="detect"
        ) as stream:
            yield stream
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{file}: cannot be read as {kind} ({first_line(error)})") from None


def _fragments(source: str) -> list[ds.Fragment]:
    """The Parquet files of an input."""
    try:
        fragments = list(_dataset(source).get_fragments())
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{source}: cannot be read ({first_line(error)})") from None
    if not fragments:
        raise TableError(f"{source}: contains no parquet file")
    return fragments


def _dataset(source: str) -> ds.Dataset:
    if not (is_pattern(source) or is_url(source)):
        return ds.dataset(source, format="parquet")
    system, path = file_system(root_of(source))
    files = file_names(source) if is_pattern(source) else path
    return ds.dataset(files, filesystem=system, format="parquet")


def _common_schema(fragments: list[ds.Fragment]) -> pa.Schema:
    """All columns of some files; a column that a file lacks is null there.

    Numerical types may differ. Raises TableError for other types, which pyarrow would convert.
    """
    first, common = fragments[0], _physical_schema(fragments[0])
    for fragment in fragments[1:]:
        schema = _physical_schema(fragment)
        if schema.equals(common):
            continue
        try:
            both = [_without_dictionaries(common), _without_dictionaries(schema)]
            common = pa.unify_schemas(both, promote_options="permissive")
        except pa.ArrowException as error:
            raise TableError(
                f"{fragment.path}: a column has another type than in {first.path} "
                f"({first_line(error)}); all files of a table need the same types"
            ) from None
    return common


def _physical_schema(fragment: ds.Fragment) -> pa.Schema:
    with _parquet_errors(fragment):
        schema = fragment.physical_schema
    return pa.schema([field.with_type(_without_views(field.type)) for field in schema])


def _without_views(kind: pa.DataType) -> pa.DataType:
    """A type with plain strings and bytes, because pyarrow cannot filter views of them."""
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_list(kind):
        field = kind.value_field
        return pa.list_(field.with_type(_without_views(field.type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_without_views(field.type)) for field in kind])
    return kind


def _without_dictionaries(schema: pa.Schema) -> pa.Schema:
    types = (t.value_type if pa.types.is_dictionary(t) else t for t in schema.types)
    return pa.schema(list(zip(schema.names, types, strict=True)))


def _batches(fragment: ds.Fragment, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with _parquet_errors(fragment):
        # one row group after another, because Arrow otherwise reads up to a gigabyte in advance
        for group in fragment.split_by_row_group():
            yield from group.to_batches(schema=schema, batch_size=ROWS, **_READ_AHEAD)


@contextmanager
def _parquet_errors(fragment: ds.Fragment) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise TableError(
            f"{fragment.path}: cannot be read as parquet ({first_line(error)})"
        ) from None


def _lines(source: Source) -> Iterator[pa.RecordBatch]:
    """JSON lines, one customer per line; compressed files such as .gz are decompressed."""
    files = file_names(source.path)
    if not files:
        raise TableError(f"{source.path}: contains no file; check {source.flag}")
    for file in files:
        with _stream(source.path, file, "json") as stream:
            yield from _in_batches(stream)


def _in_batches(stream: Any) -> Iterator[pa.RecordBatch]:
    unfinished: list[bytes] = []  # the blocks of a line whose end has not been read
    is_first = True
    while True:
        block: bytes = stream.read(1 << 23)
        if is_first:
            block, is_first = block.removeprefix(codecs.BOM_UTF8), False
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
