"""Finds out how the numbers and dates of a column are written."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.tables.cell_format import read_date
from churn_model.tables.date_format import DATE_FORMATS, ISO
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.missing_values import DATE_MARKS, NUMERICAL_MARKS
from churn_model.tables.number_format import NUMBER_FORMATS

READABLE = 0.95
"""Share of the cells that must be of a kind for the column to be of it."""

_SAMPLE = 300  # distinct cells that decide which formats are tried
_DOUBTFUL = r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+"
_PLAIN, _GROUPED = "1234.50", "1.234,50"

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Reading:
    """The values (n,) of n distinct cells, None or NaN for unreadable ones, and their format.

    ``format``: its name; empty for the usual one. ``readable``: their share (0..1) of the cells
    that are no usual marks of a missing value. ``others``: formats that fit as well, and give other
    values.
    """

    values: Values
    format: str
    readable: float
    others: tuple[str, ...] = ()

    def question(self, column: str) -> str:
        """What to ask the user if several formats fit."""
        usual = ISO if self.values.dtype == object else _PLAIN
        choices = (f"{column}={name}" for name in (self.format or usual, *self.others))
        flags = " or ".join(f"--format {shlex.quote(choice)}" for choice in choices)
        return f"can be read in several ways; pass {flags}"


@dataclass(frozen=True)
class Distinct:
    """The distinct cells (n,) of a column, trimmed and not missing, and how often each occurs."""

    texts: pd.Series[Any]
    counts: npt.NDArray[np.int64]

    def share(self, mask: npt.NDArray[np.bool_]) -> float:
        """The share (0..1) of the cells that have one of the distinct values in a mask."""
        return float(self.counts[mask].sum() / max(1, self.counts.sum()))

    def sample(self) -> Distinct:
        """Some of the distinct cells."""
        step = slice(None, None, max(1, len(self.texts) // _SAMPLE))
        return Distinct(self.texts.iloc[step], self.counts[step])

    def values(self, parse: Callable[[str], Any], unreadable: Any) -> list[Any]:
        """Each distinct cell, parsed."""
        return [_parsed(parse, text, unreadable) for text in self.texts.tolist()]


def read_numbers(cells: Distinct, csv: CsvFormat, name: str = "") -> Reading:
    """Read the cells as numbers. ``name``: their format, if the user says so."""
    if name in NUMBER_FORMATS:
        return _numbers(cells, name)
    plain = _plain_numbers(cells, csv.decimal)
    if plain.readable == 1 and _is_doubtful(cells, csv):
        return Reading(plain.values, "", 1.0, (_GROUPED,))
    if plain.readable == 1:
        return plain
    sample = cells.sample()
    tried = [_numbers(cells, each) for each in _promising(sample)]
    best = max((each.readable for each in tried), default=0.0)
    if best <= plain.readable or best < READABLE:
        return plain
    fitting = [each for each in tried if each.readable == best]
    if _decimal_is_known(csv):
        usual = [each for each in fitting if NUMBER_FORMATS[each.format].decimal == csv.decimal]
        fitting = usual or fitting
    return _with_others(fitting)


def read_dates(cells: Distinct, name: str = "") -> Reading:
    """Read the cells as dates. ``name``: their format, if the user says so."""
    if name in DATE_FORMATS:
        return _dates(cells, name)
    sample = cells.sample()
    names = [each for each in DATE_FORMATS if _dates(sample, each).readable > 0]
    if not names:
        return Reading(np.full(len(cells.texts), None), "", 0.0)
    if ISO in names and (iso := _dates(cells, ISO)).readable == 1:
        return iso
    tried = sorted((_dates(cells, each) for each in names), key=lambda each: -each.readable)
    fitting = [each for each in tried if each.readable >= READABLE]
    if any(each.readable == 1 for each in fitting):
        fitting = [each for each in fitting if each.readable == 1]
    return _with_others(fitting) if fitting else tried[0]


def to_distinct(cells: pd.Series[Any], missing: Sequence[str] = ()) -> Distinct:
    """The distinct cells of a column (n,) of strings, without those that mean missing."""
    counts = cells.str.strip().value_counts()
    counts = counts[~counts.index.isin(["", *missing])]
    return Distinct(counts.index.astype("str").to_series(), counts.to_numpy(np.int64))


def _promising(sample: Distinct) -> list[str]:
    readable = {name: _numbers(sample, name).readable for name in NUMBER_FORMATS}
    best = max(readable.values())
    return [name for name, share in readable.items() if share == best and share > 0]


def _plain_numbers(cells: Distinct, decimal: str) -> Reading:
    texts = cells.texts
    if decimal != ".":
        texts = texts.mask(texts.str.contains(".", regex=False), "")
        texts = texts.str.replace(decimal, ".", regex=False)
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return Reading(numbers, "", _readable(cells, np.isfinite(numbers)))


def _numbers(cells: Distinct, name: str) -> Reading:
    numbers = np.array(cells.values(NUMBER_FORMATS[name].parse, np.nan), dtype=np.float64)
    return Reading(numbers, name, _readable(cells, np.isfinite(numbers)))


def _dates(cells: Distinct, name: str) -> Reading:
    written = DATE_FORMATS[name]
    days = np.array([*cells.values(lambda text: read_date(text, written), None), None])[:-1]
    known = np.array([day is not None for day in days], dtype=bool)
    if name.startswith("YYYYMMDD"):  # other numbers of eight digits are no dates
        known &= np.array([day is not None and 1900 <= day.year < 2100 for day in days], dtype=bool)
        days[~known] = None
    return Reading(days, "" if name == ISO else name, _readable(cells, known, DATE_MARKS))


def _readable(
    cells: Distinct, known: npt.NDArray[np.bool_], marks: frozenset[str] = frozenset()
) -> float:
    """The share (0..1) of known cells among those that are no usual marks of a missing value."""
    is_mark = cells.texts.isin(NUMERICAL_MARKS | marks).to_numpy(bool)
    return float(cells.counts[known].sum() / max(1, cells.counts[known | ~is_mark].sum()))


def _with_others(fitting: Sequence[Reading]) -> Reading:
    """The first of several readings, with the formats that give other values."""
    kept = [fitting[0]]
    for each in fitting[1:]:
        is_new = not any(_same(each.values, other.values) for other in kept)
        if is_new and not _is_unusual(each.format):
            kept.append(each)
    return replace(kept[0], others=tuple(each.format or ISO for each in kept[1:]))


def _is_unusual(name: str) -> bool:
    """Whether nobody writes dates so: with points, the day comes first."""
    return name.startswith("MM.")


def _same(some: Values, other: Values) -> bool:
    if some.dtype == object:
        return bool((some == other).all())
    return bool(np.array_equal(some, other, equal_nan=True))


def _decimal_is_known(csv: CsvFormat) -> bool:
    """Whether the file shows which decimal mark it uses."""
    return csv.separator == "," or "decimal" in csv.model_fields_set


def _is_doubtful(cells: Distinct, csv: CsvFormat) -> bool:
    """Whether a point may separate thousands: all cells with a point are like 1.234."""
    if _decimal_is_known(csv):
        return False
    with_point = cells.texts[cells.texts.str.contains(".", regex=False)]
    return bool(len(with_point) and with_point.str.fullmatch(_DOUBTFUL).all())


def _parsed(parse: Callable[[str], Any], text: str, unreadable: Any) -> Any:
    try:
        return parse(text)
    except ValueError:
        return unreadable
