"""What one column of a table is, told by its cells: a number, a date, a category, or of no use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.schema.column import INT64_MAX, INT64_MIN, OUTPUT_COLUMNS, Column
from churn_model.tables.descriptor import CsvFormat, TableDescriptor
from training.data.categories import RARE
from training.data.column_names import words_of
from training.evaluation.alarms import DISTINCT, is_identifier

MISSING: tuple[str, ...] = tuple(TableDescriptor.model_fields["missing"].default)
_MARKS = {"?", "-", ".", "nan", "None", "none", "n/a", "#N/A", "unknown"}
"""What stands for a missing number in a column of numbers; elsewhere it may be a category."""

_MOST_CATEGORIES = 100
_COVERED = 0.5  # share of the customers that the categories which are not rare must have
_READABLE = 0.95  # share of the cells that must be of a kind for the column to be of it
_EXACT = 2**53
_DATE = r"\d{4}-\d\d-\d\d"
_TIME = _DATE + r"[T ]\d\d:\d\d.*"
_OTHER_DATE = r"\d{1,2}([./-])\d{1,2}\1\d{2,4}"
_DRESSED = r"[$€£¥]?\s*-?\d[\d,.' ]*\s*[%$€£¥]?"
_PLACES = {"zip", "zipcode", "postal", "postcode", "latitude", "longitude", "lat", "lon", "lng"}


@dataclass(frozen=True)
class Found:
    """What a column is: a column of a schema, or ``why`` it is left out.

    ``marks``: texts that stand for a missing number in it.
    """

    column: Column | None = None
    why: str = ""
    marks: set[str] = field(default_factory=set)


def find_kind(name: str, cells: pd.Series[Any], csv: CsvFormat, as_of: date | None) -> Found:
    """What a column (n,) of labelled rows is; without ``as_of`` a date is of no use."""
    if not name or re.fullmatch(r"Unnamed: \d+", name):
        return Found(why="has no name")
    if name in OUTPUT_COLUMNS:
        return Found(why="has the name of a column of the results; rename it")
    if _PLACES & words_of(name):
        return Found(why="is a place; a region of a few dozen values would be a feature")
    if cells.dtype.kind == "O" and not isinstance(cells.dtype, pd.StringDtype):
        plain = _plain_objects(cells)
        if plain is None:
            return Found(why="holds neither numbers nor texts")
        cells = plain
    if cells.dtype.kind == "b" or isinstance(cells.dtype, pd.BooleanDtype):
        counts = _Counts(cells, ())
        return counts.useless() or Found(Column(name, "boolean", counts.required))
    if cells.dtype.kind == "M":
        counts = _Counts(cells, ())
        known = cells.dropna()
        has_zone = isinstance(cells.dtype, pd.DatetimeTZDtype)
        is_time = has_zone or bool((known.dt.normalize() != known).any())
        return counts.useless() or _date(name, counts.required, is_time=is_time, as_of=as_of)
    if cells.dtype.kind in "iuf":
        counts = _Counts(cells, ())
        return counts.useless() or _number(name, cells.to_numpy(np.float64, na_value=np.nan))
    return _of_texts(name, cells, csv, as_of)


def marks_of(cells: pd.Series[Any]) -> set[str]:
    """What stands for a missing number in a column of numbers that is kept as text."""
    if not isinstance(cells.dtype, pd.StringDtype):
        return set()
    return _MARKS & set(cells.drop_duplicates().str.strip().dropna())


def _plain_objects(cells: pd.Series[Any]) -> pd.Series[Any] | None:
    """A column of Python objects as one of numbers, of times or of texts; None for all else."""
    kinds = set(cells.dropna().map(type))
    if kinds <= {int, float, Decimal}:
        return cells.astype(np.float64)
    if kinds == {date}:
        return pd.to_datetime(cells, errors="coerce")
    if kinds <= {str, int, float, bool}:
        return cells.map(lambda cell: "" if pd.isna(cell) else str(cell)).astype("str")
    return None


class _Counts:
    """How often each value of a column is there."""

    def __init__(self, cells: pd.Series[Any], missing: Iterable[str]) -> None:
        counts = cells.value_counts()
        self.known = counts[~counts.index.isin(list(missing))]
        self.n = int(self.known.sum())
        self.missing = len(cells) - self.n
        self.required = not self.missing

    def useless(self) -> Found | None:
        """Why a column says nothing, where that is so."""
        if not self.n:
            return Found(why="is empty")
        if len(self.known) < 2 and self.required:
            return Found(why="is the same for every customer")
        if self.n < min(RARE, (self.n + self.missing) // 20):
            return Found(why=f"is missing for all but {self.n} customers")
        return None

    def share(self, mask: npt.NDArray[np.bool_]) -> float:
        """The share (0..1) of the known cells whose values are in a mask."""
        return float(self.known.to_numpy()[mask].sum() / self.n)


def _of_texts(name: str, cells: pd.Series[Any], csv: CsvFormat, as_of: date | None) -> Found:
    counts = _Counts(cells.str.strip(), MISSING)
    if useless := counts.useless():
        return useless
    texts = counts.known.index.astype("str").to_series()
    if {text.lower() for text in texts.head(3)} <= {"true", "false"}:
        return Found(Column(name, "boolean", counts.required))
    marked = texts.isin(_MARKS).to_numpy()
    numbers = _numbers(texts, csv)
    readable = np.isfinite(numbers)
    share = counts.share(readable | marked)
    # codes such as 00501 are no numbers, and to be read as such they would have to be altered
    coded = counts.share(texts.str.match(r"-?0\d").to_numpy(bool)) > 1 - _READABLE
    if share >= _READABLE and readable.any() and not coded:
        cells_of_each = np.repeat(numbers[readable], counts.known.to_numpy()[readable])
        required = counts.required and not marked.any()
        return _number(name, cells_of_each, required, set(texts[marked]))
    for pattern, is_time in ((_DATE, False), (_TIME, True)):
        if counts.share(texts.str.fullmatch(pattern).to_numpy(bool)) >= _READABLE:
            return _date(name, counts.required, is_time=is_time, as_of=as_of)
    if counts.share(texts.str.fullmatch(_OTHER_DATE).to_numpy(bool)) >= _READABLE:
        return Found(why="is a date, but not written as 2026-01-31; write it so to use its age")
    dressed = readable | texts.str.fullmatch(_DRESSED).to_numpy(bool)
    if len(texts) > _MOST_CATEGORIES and not coded and counts.share(dressed) >= _READABLE:
        return Found(why="holds numbers such as $1,234.50 or 12 %; write them as 1234.50 and 12")
    return _category(name, counts, counts.share(readable))


def _numbers(texts: pd.Series[Any], csv: CsvFormat) -> npt.NDArray[np.float64]:
    if csv.decimal != ".":
        texts = texts.mask(texts.str.contains(".", regex=False), "")
        texts = texts.str.replace(csv.decimal, ".", regex=False)
    found: npt.NDArray[np.float64] = pd.to_numeric(texts, errors="coerce").to_numpy(
        np.float64, na_value=np.nan
    )
    return found


def _date(name: str, required: bool, *, is_time: bool, as_of: date | None) -> Found:
    if is_time:
        return Found(why="is a time; write it as a date (2026-01-31) to use its age in days")
    if as_of is None:
        return Found(why="is a date; with --as-of DAY its age on that day is a feature")
    return Found(Column(name, "date", required))


def _number(
    name: str,
    numbers: npt.NDArray[np.float64],
    required: bool | None = None,
    marks: set[str] | None = None,
) -> Found:
    """A number. ``required``: None where it is so if none of the numbers is NaN."""
    known = numbers[~np.isnan(numbers)]
    if required is None:
        required = len(known) == len(numbers)
    if not np.isfinite(known).all():
        return Found(why="holds infinite numbers")
    whole = bool((known == np.floor(known)).all()) and bool(np.abs(known).max() < _EXACT)
    if whole and is_identifier(name, known):
        return Found(why="is different for nearly every customer, as an identifier is")
    low, high = float(known.min()), float(known.max())
    least = 0 if low >= 0 else None
    most = 1 if whole and low == 0 and high == 1 else None
    # MLflow refuses a missing whole number in a DataFrame, so one that may be missing is a number
    if not (whole and required):
        return Found(Column(name, "number", required, least, most), marks=marks or set())
    least = INT64_MIN if least is None else least
    return Found(Column(name, "integer", required, least, most or INT64_MAX), marks=marks or set())


def _category(name: str, counts: _Counts, numeric: float) -> Found:
    """A category. ``numeric``: the share (0..1) of its cells that could be numbers."""
    if len(counts.known) > max(_MOST_CATEGORIES, DISTINCT * counts.n):
        return Found(why="is different for nearly every customer, as an identifier is")
    if numeric > 0.5 and len(counts.known) > _MOST_CATEGORIES:
        return Found(why=f"mixes numbers with {1 - numeric:.0%} texts; make them one kind")
    fewest = min(RARE, max(1, counts.n // 20))
    common = counts.known[counts.known >= fewest].head(_MOST_CATEGORIES)
    share = common.sum() / counts.n
    if share < _COVERED:
        return Found(
            why=f"has {len(counts.known):,} categories, and those of {fewest} customers or more "
            f"have only {share:.0%} of all; take larger groups"
        )
    levels = tuple(sorted(map(str, common.index)))
    return Found(Column(name, "category", counts.required, levels=levels, allows_unlisted=True))
