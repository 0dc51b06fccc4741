"""Infers the column of string cells: boolean, numerical, date or category."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.schema.column import Column
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.missing_values import MISSING, NUMERICAL_MARKS
from training.data.categories import RARE
from training.data.special_columns import DISTINCT, MOST_LEVELS
from training.schema_inference.dates import infer_date_strings
from training.schema_inference.inferred_column import InferredColumn, ValueCounts
from training.schema_inference.numerical import infer_numerical

_MIN_COVERED = 0.5  # share of the customers that the levels which are not rare must cover
_MIN_READABLE = 0.95  # share of the cells that must be of a kind for the column to be of it
_FORMATTED_NUMBER = r"[$€£¥]?\s*-?\d[\d,.' ]*\s*[%$€£¥]?"
_LEADING_ZERO = r"-?0\d"


def infer_strings(
    name: str, cells: pd.Series[Any], csv: CsvFormat, is_observed: bool
) -> InferredColumn:
    """Infer from a column (n,) of strings."""
    counts = ValueCounts(cells.str.strip(), MISSING)
    if unusable := counts.unusable():
        return unusable
    texts = counts.known.index.astype("str").to_series()
    if {text.lower() for text in texts.head(3)} <= {"true", "false"}:
        return InferredColumn(Column(name, "boolean", counts.required))
    numbers = _numbers(texts, csv)
    # codes such as 00501 are not numbers: as numbers they would lose their zeros
    is_code = counts.share(texts.str.match(_LEADING_ZERO).to_numpy(bool)) > 1 - _MIN_READABLE
    return (
        (None if is_code else _numerical(name, counts, texts, numbers))
        or infer_date_strings(name, counts, texts, _MIN_READABLE, is_observed)
        or (None if is_code else _formatted_numbers(counts, texts, numbers))
        or _category(name, counts, counts.share(np.isfinite(numbers)))
    )


def _numbers(texts: pd.Series[Any], csv: CsvFormat) -> npt.NDArray[np.float64]:
    """The strings as numbers, NaN if they are not."""
    if csv.decimal != ".":
        texts = texts.mask(texts.str.contains(".", regex=False), "")
        texts = texts.str.replace(csv.decimal, ".", regex=False)
    numbers: npt.NDArray[np.float64] = pd.to_numeric(texts, errors="coerce").to_numpy(
        np.float64, na_value=np.nan
    )
    return numbers


def _numerical(
    name: str, counts: ValueCounts, texts: pd.Series[Any], numbers: npt.NDArray[np.float64]
) -> InferredColumn | None:
    """A numerical column, if nearly all cells are numbers or mean missing."""
    is_mark = texts.isin(NUMERICAL_MARKS).to_numpy()
    readable = np.isfinite(numbers)
    if not readable.any() or counts.share(readable | is_mark) < _MIN_READABLE:
        return None
    cells = np.repeat(numbers[readable], counts.known.to_numpy()[readable])
    required = counts.required and not is_mark.any()
    return infer_numerical(name, cells, required, set(texts[is_mark]))


def _formatted_numbers(
    counts: ValueCounts, texts: pd.Series[Any], numbers: npt.NDArray[np.float64]
) -> InferredColumn | None:
    """A reason to leave out many different numbers with currency signs and the like."""
    formatted = np.isfinite(numbers) | texts.str.fullmatch(_FORMATTED_NUMBER).to_numpy(bool)
    if len(texts) <= MOST_LEVELS or counts.share(formatted) < _MIN_READABLE:
        return None
    return InferredColumn(
        reason="contains numbers such as $1,234.50 or 12 %; write them as 1234.50 and 12"
    )


def _category(name: str, counts: ValueCounts, numerical: float) -> InferredColumn:
    """A category. ``numerical``: the share (0..1) of its cells that are numbers."""
    n_levels = len(counts.known)
    if n_levels > max(MOST_LEVELS, DISTINCT * counts.n_known):
        return InferredColumn(reason="is different for nearly every customer, like an identifier")
    if numerical > 0.5 and n_levels > MOST_LEVELS:
        return InferredColumn(
            reason=f"mixes numbers with {1 - numerical:.0%} strings; use one type"
        )
    fewest = min(RARE, max(1, counts.n_known // 20))
    common = counts.known[counts.known >= fewest].head(MOST_LEVELS)
    covered = common.sum() / counts.n_known
    if covered < _MIN_COVERED:
        return InferredColumn(
            reason=f"has {n_levels:,} levels, and those with at least {fewest} customers cover "
            f"only {covered:.0%} of the rows; combine levels"
        )
    levels = tuple(sorted(map(str, common.index)))
    column = Column(name, "category", counts.required, levels=levels, allows_unlisted=True)
    return InferredColumn(column)
