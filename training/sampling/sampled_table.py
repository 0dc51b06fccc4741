"""A table that is read in batches, and of which a sample is kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Protocol

import pandas as pd

from churn_model.errors import TableError
from churn_model.schema import RecordSchema
from churn_model.tables.column_names import require_column
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.observations import (
    AS_OF,
    ObservationOptions,
    format_of_days,
    read_observations,
)
from churn_model.tables.target import Target, describe_counts, target_of
from training.data.customers import BY_CHANCE, share_of_equal_pairs
from training.data.dataset import Dataset
from training.data.row_columns import SPLIT_BY
from training.data.table import Table
from training.data.table_reader import check_rejected_share, check_rows
from training.sampling.checked import CheckedPart, Checker
from training.sampling.design import Design
from training.sampling.first_reading import FirstReading
from training.sampling.overview import Columns
from training.sampling.raw_rows import raw_rows

_FEWEST = 0.5
"""Share of the rows asked for that a sample of whole customers must reach."""


class Reader(Protocol):
    """Reads a table twice, on this machine or with Spark."""

    @property
    def path(self) -> str:
        """The table, as the user named it."""
        ...

    @property
    def name(self) -> str:
        """The table's name without folder and suffix."""
        ...

    @property
    def csv(self) -> CsvFormat:
        """How its CSV files are written."""
        ...

    @property
    def columns(self) -> Sequence[str]:
        """The names of its columns, without blanks."""
        ...

    def read_first(self, columns: Columns, wanted: Sequence[str], most: int) -> FirstReading:
        """Count the rows, and keep some. The arguments are those of ``first_reading``."""
        ...

    def check(self, checker: Checker) -> CheckedPart:
        """Check all rows, and keep the sampled ones."""
        ...


class SampledTable:
    """A RawTable of which only a sample of at most about ``most`` rows is kept in memory.

    ``key``: the column by which customers are sampled; empty to sample rows. ``target``: as for
    ``read_target``, or the target of a descriptor. Raises TableError.
    """

    def __init__(
        self,
        reader: Reader,
        most: int,
        *,
        key: str,
        target: Sequence[str],
        target_column: str,
        observation: ObservationOptions,
    ) -> None:
        self.key = key
        self._reader, self._most, self._target = reader, most, tuple(target)
        self._target_column, self._observation = target_column, observation
        for flag, name in (("--target", target_column), ("--as-of", observation.column)):
            if name:
                require_column(name, reader.columns, flag, reader.path)
        columns = Columns(key, target_column, observation.column)
        self._first = reader.read_first(columns, target, most)
        if not self._first.overview.rows:
            raise TableError(f"{reader.path}: has no rows")

    def by(self, key: str) -> SampledTable:
        """The same table, sampled by another column."""
        return SampledTable(
            self._reader,
            self._most,
            key=key,
            target=self._target,
            target_column=self._target_column,
            observation=self._observation,
        )

    @property
    def path(self) -> str:
        """The table, as the user named it."""
        return self._reader.path

    @property
    def name(self) -> str:
        """The table's name without folder and suffix."""
        return self._reader.name

    @property
    def csv(self) -> CsvFormat:
        """How its CSV files are written."""
        return self._reader.csv

    @property
    def rows(self) -> int:
        """The number of all rows."""
        return self._first.overview.rows

    @cached_property
    def raw(self) -> pd.DataFrame:
        """Rows of some customers, in the order of their hashes."""
        return raw_rows(self._first.rows)

    def target(self, given: Sequence[str]) -> Target:
        """The target of all rows. Raises TableError."""
        return target_of(sorted(self._first.overview.by_label), given)

    def describe_target(self, target: Target) -> str:
        """The target's values with their numbers of rows."""
        return describe_counts(pd.Series(self._first.overview.label_counts), target)

    @property
    def has_too_few_customers(self) -> bool:
        """Whether so many rows have the same key that customers cannot be sampled."""
        return self._first.sampled_rows(self._most) < _FEWEST * min(self._most, self.rows)

    def _design(self, target: Target) -> Design:
        if self.has_too_few_customers:
            raise TableError(
                f"{self.path}: column {self.key!r} has too few different values to draw a sample "
                f"of {self._most:,} rows by them; name the column that identifies a customer with "
                "--id, or raise --sample"
            )
        return self._first.design(target, self._most)

    def check(
        self, dataset: Dataset, schema: RecordSchema, max_rejected: float, **options: Any
    ) -> Table:
        """Check all rows and draw the sample. Raises TableError."""
        design = self._design(dataset.target)
        options = self._with_dates(options)
        check = partial(check_rows, path=self.path, dataset=dataset, schema=schema, **options)
        names = _used_columns(dataset, options)
        for name in names:
            require_column(name, self._reader.columns, "[columns]", self.path)
        part = self._reader.check(Checker(check, names, schema, self.key, design))
        if not part.pieces:
            return self._without_rows(part, max_rejected)
        table = part.table(schema, design, self._copies_are_distinctive())
        table = replace(table, target=self.describe_target(dataset.target))
        check_rejected_share(self.path, table, max_rejected)
        return table

    def _without_rows(self, part: CheckedPart, max_rejected: float) -> Table:
        labelled = part.rows - part.unlabelled_rows - part.immature_rows
        reasons = ", ".join(f"{name or 'row'} {why}" for name, _, why in part.reasons)
        raise TableError(
            f"{self.path}: no valid row to train on: {labelled:,} of {self.rows:,} rows have a "
            f"label{f', and they are rejected: {reasons}' if reasons else '; check [target]'}"
        )

    def _with_dates(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options with what only all rows together show: formats, and the last day."""
        overview, options = self._first.overview, dict(options)
        given: ObservationOptions | None = options.get("observation")
        if given is not None and given.column and overview.days is not None:
            days = overview.days.rename(given.column)
            found = format_of_days(days, AS_OF, given.date_format)
            given = replace(given, date_format=found)
            observed = read_observations(pd.DataFrame({given.column: days}), given)
            options["observation"] = observed.resolved(given)
        if split_by := options.get("split_by", "").strip():
            require_column(split_by, self._reader.columns, SPLIT_BY, self.path)
            cells = self.raw[split_by]
            options["split_format"] = format_of_days(cells, SPLIT_BY, options["split_format"])
        return options

    def _copies_are_distinctive(self) -> bool:
        """Whether equal rows of a table without identifiers are copies, and not coincidences."""
        return share_of_equal_pairs(self.raw.astype(str)) * self.rows <= BY_CHANCE


def _used_columns(dataset: Dataset, options: dict[str, Any]) -> list[str]:
    """The columns of the table that are checked."""
    observation: ObservationOptions | None = options.get("observation")
    names = [name.strip() for name in dataset.columns.values()] + [dataset.target.column.strip()]
    names += [options.get("weight", ""), options.get("split_by", ""), *options.get("audit", ())]
    names += [observation.column] if observation is not None else []
    return list(dict.fromkeys(name.strip() for name in names if name.strip()))
