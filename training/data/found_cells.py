"""Finds out how the cells of a declared schema's fields are written in a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from churn_model.errors import TableError
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.cell_format import NUMERICAL
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.formats import (
    READABLE,
    Distinct,
    Reading,
    read_dates,
    read_numbers,
    to_distinct,
)
from training.data.cell_options import CellOptions
from training.data.missing_cells import Missing, missing_cells


@dataclass(frozen=True)
class FoundCells:
    """How cells are written, by field, as in a descriptor. ``notes``: what to tell the user."""

    missing_in: Mapping[str, list[str]] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_cells(
    raw: pd.DataFrame,
    columns: Mapping[str, str],
    schema: RecordSchema,
    csv: CsvFormat,
    options: CellOptions,
) -> FoundCells:
    """How the cells of the fields in ``columns`` (field -> column) are written.

    A required field has no missing values, so only the usual marks count as missing in it; in an
    optional field, words do too. Raises TableError if a column can be read in several ways.
    """
    missing_in: dict[str, list[str]] = {}
    formats: dict[str, str] = {}
    notes: list[str] = []
    for column in _parsed_fields(schema, columns, raw):
        source = columns[column.name]
        given = options.of(source)
        cells = to_distinct(raw[source], given.missing)
        reading, missing = _read(column, cells, csv, given.format or given.likely)
        if missing.share < READABLE and not given.format:  # it is not written as it was
            reading, missing = _read(column, cells, csv, "")
        if missing.share < READABLE:
            continue
        if reading.others:
            raise TableError(f"column {source!r} {reading.question(source)}")
        if marks := sorted(missing.usual_marks if column.required else missing.marks):
            missing_in[column.name] = marks
        if reading.format:
            formats[column.name] = reading.format
        if missing.note and not column.required:
            notes.append(f"{source}: {missing.note}")
    return FoundCells(missing_in, formats, tuple(notes))


def _parsed_fields(
    schema: RecordSchema, columns: Mapping[str, str], raw: pd.DataFrame
) -> Iterator[Column]:
    """The fields of numbers and dates whose columns are strings."""
    for column in schema:
        is_parsed = column.kind in (*NUMERICAL, "date") and column.name in columns
        if is_parsed and isinstance(raw[columns[column.name]].dtype, pd.StringDtype):
            yield column


def _read(
    column: Column, cells: Distinct, csv: CsvFormat, format_name: str
) -> tuple[Reading, Missing]:
    if column.kind == "date":
        reading = read_dates(cells, format_name)
        readable = np.array([day is not None for day in reading.values], dtype=bool)
        return reading, missing_cells(cells, readable, "dates")
    reading = read_numbers(cells, csv, format_name)
    return reading, missing_cells(cells, np.isfinite(reading.values), "numbers")
