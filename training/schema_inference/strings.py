"""Infers the column of string cells: boolean, numerical, date or category."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from churn_model.schema.column import Column
from churn_model.tables.cell_format import as_dates, as_numbers
from churn_model.tables.date_format import DATE_FORMATS
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.formats import READABLE, Distinct, Reading, read_dates, read_numbers
from churn_model.tables.missing_values import MISSING
from churn_model.tables.number_format import NUMBER_FORMATS
from training.data.categories import RARE
from training.data.cell_options import CellOptionsOfColumn
from training.data.missing_cells import Missing, missing_cells
from training.data.special_columns import DISTINCT, MOST_LEVELS
from training.schema_inference.dates import infer_date
from training.schema_inference.inferred_column import InferredColumn, ValueCounts
from training.schema_inference.numerical import infer_numerical

_MIN_COVERED = 0.5  # share of the customers that the levels which are not rare must cover
_SOME_NUMBERS = 0.2  # share of numbers from which rare strings are more likely damaged numbers
_LEADING_ZERO = r"-?0\d"


def infer_strings(
    name: str,
    cells: pd.Series[Any],
    csv: CsvFormat,
    is_observed: bool,
    options: CellOptionsOfColumn,
) -> InferredColumn:
    """Infer from a column (n,) of strings."""
    if options.likely and not options.format:
        as_likely = replace(options, format=options.likely, likely="")
        inferred = infer_strings(name, cells, csv, is_observed, as_likely)
        if inferred.column is not None:
            return inferred
    counts = ValueCounts(cells.str.strip(), {*MISSING, *options.missing})
    if unusable := counts.unusable():
        return unusable
    texts = counts.known.index.astype("str").to_series()
    if {text.lower() for text in texts.head(3)} <= {"true", "false"}:
        return InferredColumn(Column(name, "boolean", counts.required))
    distinct = Distinct(texts, counts.known.to_numpy(np.int64))
    inferred = (
        _dates(name, counts, distinct, is_observed, options)
        or _numerical(name, counts, distinct, csv, options)
        or _wrong_format(distinct, csv, options)
        or _category(name, counts, read_numbers(distinct, CsvFormat()).readable)
    )
    return replace(inferred, marks=inferred.marks | {*options.missing})


def infer_category(
    name: str, cells: pd.Series[Any], options: CellOptionsOfColumn
) -> InferredColumn:
    """Infer a category from a column (n,) of strings, also if they are numbers."""
    counts = ValueCounts(cells.str.strip(), {*MISSING, *options.missing})
    if unusable := counts.unusable():
        return unusable
    return replace(_category(name, counts, 0.0), marks=frozenset(options.missing))


def _dates(
    name: str,
    counts: ValueCounts,
    cells: Distinct,
    is_observed: bool,
    options: CellOptionsOfColumn,
) -> InferredColumn | None:
    """Dates, if nearly all cells are dates or mean missing."""
    if options.format in NUMBER_FORMATS:
        return None
    reading = read_dates(cells, options.format)
    if reading.readable == 0:
        return None
    readable = np.array([day is not None for day in reading.values], dtype=bool)
    missing = missing_cells(cells, readable, "dates")
    if missing.share < READABLE:
        return None
    if reading.others:
        return InferredColumn(reason=reading.question(name))
    sentinels = {*as_dates(options.missing, reading.format)}
    is_missing = missing.mask | np.array([day in sentinels for day in reading.values], dtype=bool)
    required = counts.required and not is_missing.any()
    return _described(infer_date(name, required, is_observed), reading, missing)


def _numerical(
    name: str,
    counts: ValueCounts,
    cells: Distinct,
    csv: CsvFormat,
    options: CellOptionsOfColumn,
) -> InferredColumn | None:
    """A numerical column, if nearly all cells are numbers or mean missing."""
    if options.format in DATE_FORMATS or (not options.format and _is_code(cells)):
        return None
    reading = read_numbers(cells, csv, options.format)
    readable = np.isfinite(reading.values)
    missing = missing_cells(cells, readable, "numbers")
    if missing.share < READABLE:
        return None
    if reading.others:
        return InferredColumn(reason=reading.question(name))
    sentinels = as_numbers(options.missing, reading.format, csv.decimal)
    is_missing = missing.mask | np.isin(reading.values, sentinels)
    known = readable & ~is_missing
    if not known.any():
        return InferredColumn(reason="is empty")
    numbers = np.repeat(reading.values[known], cells.counts[known])
    required = counts.required and not is_missing.any()
    return _described(infer_numerical(name, numbers, required), reading, missing)


def _described(inferred: InferredColumn, reading: Reading, missing: Missing) -> InferredColumn:
    """The column with the format and the missing values that were found in its cells."""
    if inferred.column is None:
        return inferred
    return replace(inferred, marks=missing.marks, format=reading.format, note=missing.note)


def _is_code(cells: Distinct) -> bool:
    """Codes such as 00501 are not numbers: as numbers they would lose their zeros."""
    return cells.share(cells.texts.str.match(_LEADING_ZERO).to_numpy(bool)) > 1 - READABLE


def _wrong_format(
    cells: Distinct, csv: CsvFormat, options: CellOptionsOfColumn
) -> InferredColumn | None:
    """Why a column with a format that the user named is left out; None without a format."""
    if not options.format:
        return None
    is_date = options.format in DATE_FORMATS
    reading = (
        read_dates(cells, options.format) if is_date else read_numbers(cells, csv, options.format)
    )
    return InferredColumn(
        reason=f"has the format {options.format} (--format) in only {reading.readable:.0%} of its "
        "cells"
    )


def _mixture(counts: ValueCounts, numerical: float) -> str:
    texts = (str(text) for text in counts.known.index)
    example = next((text for text in texts if not _is_number(text)), "")
    return f"mixes numbers with {1 - numerical:.0%} strings such as {example!r}; use one type"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _category(name: str, counts: ValueCounts, numerical: float) -> InferredColumn:
    """A category. ``numerical``: the share (0..1) of its cells that are numbers."""
    n_levels = len(counts.known)
    if n_levels > max(MOST_LEVELS, DISTINCT * counts.n_known):
        return InferredColumn(reason="is different for nearly every customer, like an identifier")
    mixes = InferredColumn(reason=_mixture(counts, numerical))
    if numerical > 0.5 and n_levels > MOST_LEVELS:
        return mixes
    fewest = min(RARE, max(1, counts.n_known // 20))
    common = counts.known[counts.known >= fewest].head(MOST_LEVELS)
    covered = common.sum() / counts.n_known
    if covered < _MIN_COVERED and numerical > _SOME_NUMBERS:
        return mixes
    if covered < _MIN_COVERED:
        return InferredColumn(
            reason=f"has {n_levels:,} levels, and those with at least {fewest} customers cover "
            f"only {covered:.0%} of the rows; combine levels"
        )
    levels = tuple(sorted(map(str, common.index)))
    column = Column(name, "category", counts.required, levels=levels, allows_unlisted=True)
    return InferredColumn(column)
