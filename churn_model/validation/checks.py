"""Vectorised checks: a table of customers -> typed columns, valid rows, and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.arrays import Mask
from churn_model.errors import InvalidRecords, SchemaError
from churn_model.schema import RecordSchema
from churn_model.schema.column import INT64_MAX, INT64_MIN, Column, write_bound
from churn_model.validation.cells import Cells, Problem, absent
from churn_model.validation.field_errors import ErrorGroup, FieldErrors
from churn_model.validation.objects import read_objects
from churn_model.validation.rules import MISSING, Rule
from churn_model.validation.series import read_series

_RECORD: Rule = ("dict_type", "must be an object with named fields")


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked table of n rows.

    ``values``: one array (n,) per feature. Numbers are int64, or float64 with NaN for missing.
    Dates are day numbers. Categories are codes into the column's ``levels``, with -1 for missing
    and ``len(levels)`` for an unlisted level. ``texts``: the original cells (n,) of each category
    that allows unlisted levels. ``identifiers``: one sequence (n,) each. ``valid``: a mask (n,);
    the values of invalid rows are undefined. ``errors``: sorted by row and field, at most one per
    cell; one that is read is created for it.
    """

    n: int
    values: Mapping[str, Any]
    identifiers: Mapping[str, Any]
    valid: Mask
    errors: FieldErrors
    texts: Mapping[str, Any] = field(default_factory=dict)

    def raise_if_invalid(self) -> None:
        """Raise InvalidRecords if any row has an error."""
        if self.errors:
            raise InvalidRecords(self.errors, counts=self.errors.counts())


def check_frame(frame: pd.DataFrame, schema: RecordSchema) -> Checked:
    """Check a DataFrame (n rows) column by column; columns outside the schema are ignored.

    As usual in pandas, NaN means missing, and a float column of integral values is accepted as
    integers. The frame is not changed. Raises SchemaError for a duplicate column.
    """
    columns: dict[str, pd.Series[Any]] = {}
    for column in schema:
        if column.name in frame.columns:
            series = frame[column.name]
            if isinstance(series, pd.DataFrame):
                raise SchemaError(
                    f"duplicate column {column.name!r}; keep one of {series.shape[1]}"
                )
            columns[column.name] = series
    return check_series(columns, len(frame), schema)


def check_series(columns: Mapping[str, pd.Series[Any]], n: int, schema: RecordSchema) -> Checked:
    """Check pandas columns (field -> n cells), as ``check_frame`` does."""

    def read(column: Column) -> Cells:
        series = columns.get(column.name)
        return absent(column, n) if series is None else read_series(column, series)

    return check_cells(read, n, schema)


def check_records(records: Sequence[Mapping[str, object]], schema: RecordSchema) -> Checked:
    """Check n records of plain Python values; fields outside the schema are ignored."""
    invalid: list[int] = []
    plain = set(map(type, records)) == {dict}
    if not plain:
        invalid = [row for row, record in enumerate(records) if not isinstance(record, Mapping)]
    if invalid:
        records = [record if isinstance(record, Mapping) else {} for record in records]

    def read(column: Column) -> Cells:
        return read_objects(column, _values(records, column.name, plain))

    errors_of_rows = [ErrorGroup("", *_RECORD, np.array(invalid, dtype=np.intp))]
    return check_cells(read, len(records), schema, errors_of_rows)


def _values(records: Sequence[Mapping[str, object]], name: str, plain: bool) -> list[object]:
    """The values (n,) of a field, None where it is missing; ``plain``: all records are dicts."""
    if plain:
        try:
            return list(map(itemgetter(name), records))
        except KeyError:
            pass
    return [record.get(name) for record in records]


def check_columns(columns: Mapping[str, Sequence[object]], n: int, schema: RecordSchema) -> Checked:
    """Check n records given as columns of plain Python values, as ``check_records`` does."""

    def read(column: Column) -> Cells:
        cells = columns.get(column.name)
        return absent(column, n) if cells is None else read_objects(column, cells)

    return check_cells(read, n, schema)


def check_cells(
    read: Callable[[Column], Cells],
    n: int,
    schema: RecordSchema,
    errors_of_rows: Sequence[ErrorGroup] = (),
) -> Checked:
    """Check n rows whose columns ``read`` gives; ``errors_of_rows`` are known already."""
    groups = list(errors_of_rows)
    values: dict[str, Any] = {}
    identifiers: dict[str, Any] = {}
    texts: dict[str, Any] = {}
    for column in schema:
        cells = read(column)
        target = identifiers if column.kind == "identifier" else values
        target[column.name] = cells.values
        if cells.texts is not None:
            texts[column.name] = cells.texts
        broken = [*_missing(column, cells), *cells.problems, *_out_of_bounds(column, cells.values)]
        groups += [ErrorGroup(column.name, *problem.rule, problem.rows) for problem in broken]
    valid = np.ones(n, dtype=bool)
    for group in groups:
        valid[group.rows] = False
    fields = [column.name for column in schema]
    errors = FieldErrors.first_of_each_cell(groups, fields, n)
    return Checked(n, values, identifiers, valid, errors, texts)


def _missing(column: Column, cells: Cells) -> Iterator[Problem]:
    if column.required and cells.missing is not None and cells.missing.any():
        yield Problem(np.flatnonzero(cells.missing), MISSING)


def _out_of_bounds(column: Column, values: Any) -> Iterator[Problem]:
    if column.kind not in ("integer", "number") or not len(values) or _takes_all(column, values):
        return
    # the two extremes usually show that no value is out of bounds
    low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    for bound, broken, rule in bounds(column):
        if broken(low, bound) or broken(high, bound):
            yield Problem(np.flatnonzero(broken(values, bound)), rule)


def _takes_all(column: Column, values: npt.NDArray[Any]) -> bool:
    """Whether no value of this array's type can be out of bounds."""
    if column.kind == "number":
        return not bounds(column)
    return values.dtype == np.int64 and (
        column.minimum == INT64_MIN
        and column.maximum == INT64_MAX
        and column.exclusive_minimum is None
        and column.exclusive_maximum is None
    )


@lru_cache(maxsize=4096)
def bounds(column: Column) -> tuple[tuple[float, Callable[[Any, float], Any], Rule], ...]:
    """The column's bounds, each with a test for values that break it and the rule."""
    return tuple(
        (bound, broken, (name, f"must be {words} {write_bound(bound)}"))
        for bound, broken, name, words in (
            (column.minimum, np.less, "greater_than_equal", "at least"),
            (column.exclusive_minimum, np.less_equal, "greater_than", "more than"),
            (column.maximum, np.greater, "less_than_equal", "at most"),
            (column.exclusive_maximum, np.greater_equal, "less_than", "less than"),
        )
        if bound is not None
    )
