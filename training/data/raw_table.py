"""A table of labelled rows whose cells have not been interpreted yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from churn_model.schema import RecordSchema
from churn_model.tables.csv_format import detect_csv_format
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.files import read_file
from churn_model.tables.target import Target, describe_target, read_target
from training.data.dataset import Dataset
from training.data.table import Table
from training.data.table_reader import check_table


class RawTable(Protocol):
    """A table that is in memory, or one of which only a sample is.

    ``path``: as the user wrote it. ``name``: without folder and suffix. ``csv``: how its CSV files
    are written. ``raw``: its rows as ``read_file`` gives them, or a sample of them. ``rows``: the
    number of all rows.
    """

    @property
    def path(self) -> str | Path: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def csv(self) -> CsvFormat: ...  # noqa: D102
    @property
    def raw(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def rows(self) -> int: ...  # noqa: D102

    def target(self, given: Sequence[str]) -> Target:
        """The target of all rows. ``given``: as for ``read_target``. Raises TableError."""
        ...

    def describe_target(self, target: Target) -> str:
        """The target's values with their numbers of rows."""
        ...

    def check(
        self, dataset: Dataset, schema: RecordSchema, max_rejected: float, **options: Any
    ) -> Table:
        """Check all rows, as ``check_table`` does. ``options``: its keyword arguments."""
        ...


@dataclass(frozen=True)
class WholeTable:
    """A table in memory."""

    path: str | Path
    csv: CsvFormat
    raw: pd.DataFrame

    @classmethod
    def read(cls, path: str | Path, declared: CsvFormat | None = None) -> WholeTable:
        """Read a file. Raises TableError."""
        csv = detect_csv_format(path, declared)
        return cls(path, csv, read_file(path, csv))

    @property
    def name(self) -> str:
        """The name of the file without its suffix."""
        return Path(self.path).stem

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.raw)

    def target(self, given: Sequence[str]) -> Target:
        """The target. Raises TableError."""
        return read_target(self.raw, given)

    def describe_target(self, target: Target) -> str:
        """The target's values with their numbers of rows."""
        return describe_target(self.raw, target)

    def check(
        self, dataset: Dataset, schema: RecordSchema, max_rejected: float, **options: Any
    ) -> Table:
        """Check all rows. Raises TableError."""
        return check_table(self.raw, self.path, dataset, schema, max_rejected, **options)
