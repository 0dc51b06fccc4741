"""Opens the table that the options name: in memory if it is small, otherwise in batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from churn_model.extras import require_extra
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.observations import ObservationOptions
from churn_model.tables.reading.locations import is_pattern, is_url
from churn_model.tables.reading.source import format_of
from training.data.raw_table import RawTable, WholeTable
from training.data.special_columns import has_customer_name
from training.options import ReadOptions
from training.sampling.files import FileReader
from training.sampling.sampled_table import Reader, SampledTable


def open_table(
    path: str | Path,
    options: ReadOptions,
    *,
    target: Sequence[str],
    target_column: str,
    observation: ObservationOptions,
    identifier: str = "",
    likely_identifiers: Sequence[str] = (),
    left_out: Sequence[str] = (),
    csv: CsvFormat | None = None,
) -> RawTable:
    """Read a table, or its overview if it is larger than memory. Raises TableError.

    ``target``: the values that mean churned. ``identifier``: the column that identifies customers,
    as the user says; empty to choose among ``likely_identifiers`` and by the names of the columns,
    except those in ``left_out``. ``csv``: the [csv] table of a descriptor.
    """
    if options.engine == "local" and _is_small(path, options.sample):
        return WholeTable.read(path, csv)
    reader = _reader(path, options, csv or CsvFormat())

    def read_by(key: str) -> SampledTable:
        return SampledTable(
            reader,
            options.sample,
            key=key,
            target=target,
            target_column=target_column,
            observation=observation,
        )

    if identifier:
        return read_by(identifier)
    table = read_by(_likely_key(reader.columns, likely_identifiers, left_out))
    return read_by("") if table.key and table.has_too_few_customers else table


def with_identifier(table: RawTable, identifier: str) -> RawTable:
    """The table, read again if it was sampled by another column than the identifier."""
    if isinstance(table, SampledTable) and identifier not in ("", table.key):
        return table.by(identifier)
    return table


def _reader(path: str | Path, options: ReadOptions, csv: CsvFormat) -> Reader:
    if options.engine == "local":
        return FileReader.open(path, csv)
    require_extra("--engine spark", "spark", "pyspark")
    from pyfunc.spark_session import session
    from training.sampling.spark import SparkReader

    return SparkReader.open(session(options.master), path, csv)


def _is_small(path: str | Path, most: int) -> bool:
    """Whether a table is one file on this machine with at most so many rows."""
    if is_url(str(path)) or is_pattern(str(path)) or not Path(path).is_file():
        return False
    suffix = Path(path).suffix.lower()
    if suffix in (".parquet", ".pq"):
        return _parquet_rows(Path(path)) <= most
    if suffix == ".csv":
        return _csv_lines(Path(path), most) <= most + 1  # with the header
    return format_of(str(path)) != "csv"  # which is compressed; reading others gives an error


def _parquet_rows(path: Path) -> int:
    try:
        rows: int = pq.read_metadata(path).num_rows
    except (pa.ArrowException, OSError):
        return 0  # reading it gives a better error
    return rows


def _csv_lines(path: Path, most: int) -> int:
    """The number of lines, counted in large files only."""
    try:
        if path.stat().st_size < most:
            return 0  # a row has at least one byte
        with path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 24), b""))
    except OSError:
        return 0


def _likely_key(columns: Sequence[str], likely: Sequence[str], left_out: Sequence[str]) -> str:
    named = [name for name in columns if has_customer_name(name)]
    usable = [name for name in (*likely, *named) if name in columns and name not in left_out]
    return usable[0] if usable else ""
