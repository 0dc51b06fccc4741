"""Reads a table in batches of Arrow columns; cells are neither inferred nor converted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds

from batch.job import Job
from batch.row_checker import CORRUPT, LINE, as_text
from churn_model.errors import TableError

ROWS = 131_072
"""Rows per batch: enough to make the cost of a batch negligible, few enough for the cache."""

_READ_AHEAD: dict[str, Any] = {"batch_readahead": 2, "fragment_readahead": 1}


def read(job: Job) -> Iterator[pa.RecordBatch]:
    """The rows of the input. Raises TableError, which names the file that cannot be read."""
    if not Path(job.source).exists() and "://" not in job.source:
        raise TableError(f"{job.source}: no such file or folder; check --input")
    return {"parquet": _parquet, "csv": _csv, "json": _lines}[job.source_format](job)


def _parquet(job: Job) -> Iterator[pa.RecordBatch]:
    for batch in _fragments(job.source, "parquet", _dataset(job.source, "parquet")):
        if batch.num_rows:
            yield batch


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
    conversion = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.binary()),
        strings_can_be_null=False,
        null_values=[],
        check_utf8=False,
    )
    dataset = _dataset(job.source, ds.CsvFileFormat(**options, convert_options=conversion))
    uneven.clear()  # opening the dataset, done twice above, parses the first rows
    schema = pa.schema([(name, pa.string()) for name in dataset.schema.names])
    for batch in _fragments(job.source, "csv", dataset):
        yield from _with_uneven(_decoded(batch, schema), _taken(uneven))
    yield from _with_uneven(pa.RecordBatch.from_pylist([], schema=schema), _taken(uneven))


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
        return ds.dataset(source, format=kind, partitioning="hive")
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{source}: cannot be read ({_first_line(error)})") from None


def _fragments(source: str, kind: str, dataset: ds.Dataset) -> Iterator[pa.RecordBatch]:
    fragments = list(dataset.get_fragments())
    if not fragments:
        raise TableError(f"{source}: contains no {kind} file; check --input and --format")
    for fragment in fragments:
        try:
            rows = fragment.to_batches(schema=dataset.schema, batch_size=ROWS, **_READ_AHEAD)
            yield from rows
        except (pa.ArrowException, OSError) as error:
            raise TableError(
                f"{fragment.path}: cannot be read as {kind} ({_first_line(error)})"
            ) from None


def _lines(job: Job) -> Iterator[pa.RecordBatch]:
    """JSON lines, one customer per line; .gz and .bz2 files are decompressed."""
    path = Path(job.source)
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    files = [file for file in files if file.is_file() and not file.name.startswith(("_", "."))]
    if not files:
        raise TableError(f"{job.source}: contains no file; check --input")
    for file in files:
        try:
            with pa.input_stream(str(file), compression="detect") as stream:
                yield from _in_batches(stream)
        except (pa.ArrowException, OSError) as error:
            raise TableError(f"{file}: cannot be read as json ({_first_line(error)})") from None


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
        texts = [line.decode(errors="replace") for line in lines if line.strip()]
        if texts:
            yield pa.RecordBatch.from_pydict({LINE: pa.array(texts, pa.string())})
        if not block:
            return


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
