"""Vectorised checks: a table of customers -> the rows that hold, an error for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from churn_model.errors import FieldError, InvalidRecords, SchemaError
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.validation.cells import (
    MISSING,
    Cells,
    Mask,
    Problem,
    Rule,
    absent,
    read_objects,
    read_series,
)

_NO_RECORD: Rule = ("dict_type", "a customer is an object of named fields")


@dataclass(frozen=True, slots=True)
class Checked:
    """A table after its checks.

    ``values``: one array (n,) a feature; numbers as int64 or float64 with NaN for missing,
    categories as codes into the column's ``levels`` with -1 for missing, ``len(levels)`` for a
    text that an open column does not list. ``texts``: the cells (n,) of each open column as they
    came. ``identifiers``: one
    sequence (n,) each. What a row with an error holds there is of no meaning. ``valid``: (n,).
    ``errors``: ordered by row, then by the schema's fields; at most one a cell.
    """

    n: int
    values: Mapping[str, Any]
    identifiers: Mapping[str, Any]
    valid: Mask
    errors: tuple[FieldError, ...]
    texts: Mapping[str, Any] = field(default_factory=dict)

    def raise_if_invalid(self) -> None:
        """Raise InvalidRecords if any row has an error."""
        if self.errors:
            raise InvalidRecords(self.errors)


def check_frame(frame: pd.DataFrame, schema: RecordSchema) -> Checked:
    """Check a DataFrame (n rows) column by column; columns unknown to the schema are ignored.

    As everywhere in pandas NaN means missing, and a float column holds whole numbers where each
    value is one. The frame is not changed. Raises SchemaError for a column that is there twice.
    """
    here = frame.columns

    def read(column: Column) -> Cells:
        if column.name not in here:
            return absent(column, len(frame))
        found = frame[column.name]
        if isinstance(found, pd.DataFrame):
            raise SchemaError(f"column {column.name!r} is there {found.shape[1]} times; keep one")
        return read_series(column, found)

    return _check(read, len(frame), schema)


def check_records(records: Sequence[Mapping[str, object]], schema: RecordSchema) -> Checked:
    """Check n records of plain Python values; fields unknown to the schema are ignored."""
    strays = [row for row, record in enumerate(records) if not isinstance(record, Mapping)]
    if strays:
        records = [record if isinstance(record, Mapping) else {} for record in records]
    return _check(
        lambda column: read_objects(column, [record.get(column.name) for record in records]),
        len(records),
        schema,
        [(-1, "", Problem(np.array(strays, dtype=np.intp), _NO_RECORD))],
    )


def check_columns(columns: Mapping[str, Sequence[object]], n: int, schema: RecordSchema) -> Checked:
    """Check n records that come as columns of plain Python values, as ``check_records`` does."""

    def read(column: Column) -> Cells:
        found = columns.get(column.name)
        return absent(column, n) if found is None else read_objects(column, found)

    return _check(read, n, schema)


def _check(
    read: Callable[[Column], Cells],
    n: int,
    schema: RecordSchema,
    problems: Sequence[tuple[int, str, Problem]] = (),
) -> Checked:
    problems = list(problems)
    values: dict[str, Any] = {}
    identifiers: dict[str, Any] = {}
    texts: dict[str, Any] = {}
    for place, column in enumerate(schema):
        cells = read(column)
        target = identifiers if column.kind == "identifier" else values
        target[column.name] = cells.values
        if cells.texts is not None:
            texts[column.name] = cells.texts
        found = [*_missing(column, cells), *cells.problems, *_out_of_bounds(column, cells.values)]
        problems += [(place, column.name, problem) for problem in found]
    valid = np.ones(n, dtype=bool)
    for _, _, problem in problems:
        valid[problem.rows] = False
    return Checked(n, values, identifiers, valid, _errors(problems), texts)


def _missing(column: Column, cells: Cells) -> Iterator[Problem]:
    if column.required and cells.missing is not None and cells.missing.any():
        yield Problem(np.flatnonzero(cells.missing), MISSING)


def _out_of_bounds(column: Column, values: Any) -> Iterator[Problem]:
    if column.kind not in ("integer", "number") or not len(values):
        return
    # one pass for both extremes tells nearly always that nothing is out of bounds
    low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    for bound, broken, rule in _bounds(column):
        if broken(low, bound) or broken(high, bound):
            yield Problem(np.flatnonzero(broken(values, bound)), rule)


def _bounds(column: Column) -> Iterator[tuple[float, Callable[[Any, float], Any], Rule]]:
    """The column's bounds, each with the test for a value that breaks it."""
    for bound, broken, name, words in (
        (column.minimum, np.less, "greater_than_equal", "at least"),
        (column.exclusive_minimum, np.less_equal, "greater_than", "more than"),
        (column.maximum, np.greater, "less_than_equal", "at most"),
        (column.exclusive_maximum, np.greater_equal, "less_than", "less than"),
    ):
        if bound is not None:
            written = str(int(bound)) if bound == int(bound) else repr(bound)
            yield bound, broken, (name, f"must be {words} {written}")


def _errors(problems: list[tuple[int, str, Problem]]) -> tuple[FieldError, ...]:
    """The first problem of each cell, ordered by row and field."""
    first: dict[tuple[int, int], FieldError] = {}
    for place, name, problem in problems:
        for row in problem.rows.tolist():
            first.setdefault((row, place), FieldError(row, name, *problem.rule))
    return tuple(first[key] for key in sorted(first))
