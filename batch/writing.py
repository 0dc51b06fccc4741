"""Writes batches of Arrow columns to a folder, one file for every few megabytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from batch.options import Format
from batch.partitions import as_partition_texts, folder_name
from batch.text_values import csv_cells, json_lines
from churn_model.errors import BatchError, first_line

_FLUSH_BYTES = 1 << 24


class Writer:
    """Writes batches of one schema; without rows it writes one empty file.

    A thread writes one file while the next batches are collected. ``rows``: how many rows are in
    the files that were written; complete at the end of the context.

    Raises BatchError if the format cannot hold the columns, and OSError, at the latest at the end
    of the context.
    """

    def __init__(self, folder: str, kind: Format, partition_by: tuple[str, ...]) -> None:
        self.folder = Path(folder)
        self.kind = kind
        self.partition_by = partition_by
        self.rows = 0
        self._schema: pa.Schema | None = None
        self._pending: list[pa.RecordBatch] = []
        self._bytes = 0
        self._files = 0
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._writing: Future[int] | None = None

    def __enter__(self) -> Writer:
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._thread:  # waits for the file that is being written, also after an error
            if kind is None:
                self._flush()
                self._finish()

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        self._schema = batch.schema
        if batch.num_rows:
            self._pending.append(batch)
            self._bytes += batch.nbytes
        if self._bytes >= _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        batches, self._pending, self._bytes = self._pending, [], 0
        if self._schema is None or (not batches and self._files):
            return
        table = pa.Table.from_batches(batches, schema=self._schema)
        self._finish()
        self._writing = self._thread.submit(self._write_files, table, self._files)
        self._files += 1

    def _finish(self) -> None:
        """Wait for the file that is being written."""
        if self._writing is not None:
            self.rows += self._writing.result()
            self._writing = None

    def _write_files(self, table: pa.Table, number: int) -> int:
        """Write a file for each partition; returns how many rows they have."""
        write, suffix = _WRITERS[self.kind]
        rows = 0
        for folder, part in _partitions(table, self.folder, self.partition_by):
            try:
                write(part, folder / f"part-{number:05d}.{suffix}")
            except (pa.ArrowException, ValueError, TypeError, KeyError, OverflowError) as error:
                raise BatchError(
                    f"--output-format {self.kind} cannot hold these columns "
                    f"({first_line(error)}); choose another format"
                ) from None
            rows += part.num_rows
        return rows


def _write_parquet(table: pa.Table, file: Path) -> None:
    pyarrow.parquet.write_table(table, file, use_dictionary=_dictionaries(table.schema))


def _dictionaries(schema: pa.Schema) -> bool | list[str]:
    """The columns for which a dictionary of their values is tried: not those of floats.

    It would be built for each file, and given up because few probabilities are equal. True is for
    all columns, because those in lists have names of their own.
    """
    if any(pa.types.is_nested(kind) for kind in schema.types):
        return True
    return [field.name for field in schema if not pa.types.is_floating(field.type)]


def _write_csv(table: pa.Table, file: Path) -> None:
    if "reasons" in table.schema.names:
        index = table.schema.get_field_index("reasons")
        texts = [orjson.dumps(row).decode() for row in table.column(index).to_pylist()]
        table = table.set_column(index, "reasons", pa.array(texts, pa.string()))
    pyarrow.csv.write_csv(csv_cells(table), file)


def _write_lines(table: pa.Table, file: Path) -> None:
    with open(file, "wb") as out:
        for batch in table.to_batches(10_000):
            out.writelines(json_lines(batch))


def _partitions(
    table: pa.Table, folder: Path, by: tuple[str, ...]
) -> Iterator[tuple[Path, pa.Table]]:
    """The folder and the rows of each partition; the rows keep their order."""
    if not by:
        yield folder, table
        return
    texts = [as_partition_texts(name, table.column(name).combine_chunks()) for name in by]
    other_columns = table.drop_columns(list(by))
    for rows in _equal_rows(texts):
        names = (
            folder_name(*pair) for pair in zip(by, (t[rows[0]].as_py() for t in texts), strict=True)
        )
        subfolder = folder.joinpath(*names)
        subfolder.mkdir(parents=True, exist_ok=True)
        yield subfolder, other_columns.take(pa.array(rows))


def _equal_rows(columns: list[pa.Array]) -> list[npt.NDArray[np.int64]]:
    """The numbers of the rows with equal values, for each combination of values that occurs."""
    group = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes = column.dictionary_encode(null_encoding="encode").indices.to_numpy()
        _, group = np.unique(group * (len(codes) + 1) + codes, return_inverse=True)
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if len(order) else []


_WRITERS: dict[str, tuple[Callable[[pa.Table, Path], None], str]] = {
    "parquet": (_write_parquet, "parquet"),
    "csv": (_write_csv, "csv"),
    "json": (_write_lines, "json"),
}
