"""Finds values that may stand for a missing one, such as -999, 9999999 and 1900-01-01."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from churn_model.dates import to_day
from churn_model.schema.column import Column
from churn_model.tables.cell_format import NUMERICAL

NEGATIVE_SENTINELS = {-1.0, *(-float("9" * digits) for digits in range(1, 8))}
_LARGE = {float("9" * digits) for digits in range(3, 13)}
_DATES = [date(year, 1, 1) for year in (1, 1753, 1800, 1900, 1901, 1970)]
_DATES += [date(1899, 12, 30), date(1899, 12, 31), date(2099, 12, 31), date(9999, 12, 31)]

_FEWEST = 5  # rows with the same value that are no coincidence
_LEAST = 0.001  # the share of the rows that they must have, too
_MIN_ZEROS = 0.01  # share of zeros above which they are remarked on
_MIN_DISTANCE = 5.0  # from 0 to the smallest other number
_MIN_NUMBERS = 10  # different other numbers
_YEARS = 5 * 365  # from a date to the others


def sentinel_remarks(column: Column, values: pd.Series[Any]) -> Iterator[str]:
    """Remarks on the values (n,) of a column that may stand for missing ones."""
    known = values.dropna()
    if column.kind == "date":
        days = np.array([to_day(day) for day in _as_dates(known)], dtype=np.float64)
        yield from _date_remarks(column.name, days)
    elif column.kind in NUMERICAL and len(known):
        numbers = known.to_numpy(np.float64)
        yield from _number_remarks(column.name, numbers)
        yield from _zero_remarks(column.name, numbers)


def _as_dates(values: pd.Series[Any]) -> list[date]:
    dates: list[date] = (values.dt.date if values.dtype.kind == "M" else values).tolist()
    return dates


def _number_remarks(name: str, numbers: Any) -> Iterator[str]:
    for value in sorted({*NEGATIVE_SENTINELS, *_LARGE} & set(numbers.tolist())):
        others = numbers[numbers != value]
        if not _is_spike(len(numbers) - len(others), len(numbers)):
            continue
        if len(np.unique(others)) < _MIN_NUMBERS:
            continue
        if value < 0 <= others.min():
            yield _remark(name, numbers == value, f"{value:.0f}", f"{others.min():g} or more")
        elif value > 0 and others.max() < value / 2:
            yield _remark(name, numbers == value, f"{value:.0f}", f"{others.max():g} or less")


def _zero_remarks(name: str, numbers: Any) -> Iterator[str]:
    """Whether 0 is far below all other numbers, as it is where it means missing."""
    others = numbers[numbers > 0]
    if (numbers == 0).mean() < _MIN_ZEROS or not len(others):
        return
    if others.min() < max(_MIN_DISTANCE, float(np.median(others)) / 4):
        return
    if math.isclose(others.min(), others.max()) or len(np.unique(others)) < _MIN_NUMBERS:
        return
    yield _remark(name, numbers == 0, "0", f"{others.min():g} or more")


def _date_remarks(name: str, days: Any) -> Iterator[str]:
    for sentinel in _DATES:
        is_sentinel = days == to_day(sentinel)
        others = days[~is_sentinel]
        if not len(others) or not _is_spike(int(is_sentinel.sum()), len(days)):
            continue
        if np.abs(others - to_day(sentinel)).min() > _YEARS:
            yield _remark(name, is_sentinel, sentinel.isoformat(), "years away")


def _is_spike(count: int, of: int) -> bool:
    return count >= max(_FEWEST, _LEAST * of)


def _remark(name: str, is_sentinel: Any, value: str, others: str) -> str:
    flag = shlex.quote(f"{name}={value}")
    return (
        f"{name}: {100 * is_sentinel.mean():.2g}% of the values are {value}, all others {others}; "
        f"if {value} means missing, add --missing {flag}"
    )
