"""Dates as records write them (strings such as ``2026-01-31``) and as day numbers.

A day number counts the days since 1970-01-01, as numpy does. A scorecard looks a date up by its
age: the days from that date to the day of scoring (``as_of``).
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timezone
from typing import Any

import numpy as np
import numpy.typing as npt

from churn_model.errors import InvalidParameter

_ISO = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH = date(1970, 1, 1).toordinal()
FIRST, LAST = date.min.toordinal() - _EPOCH, date.max.toordinal() - _EPOCH
"""The day numbers of the first and the last date that Python can represent."""


def parse_date(value: object) -> date:
    """Parse a date, a datetime at midnight, or a string such as 2026-01-31.

    Raises ValueError for anything else.
    """
    if isinstance(value, str):
        # fromisoformat also accepts 20260131 and 2026-W05-6
        if _ISO.fullmatch(value):
            return date.fromisoformat(value)
    elif isinstance(value, datetime):
        if value.time() == time() and value.tzinfo is None:
            return value.date()
    elif isinstance(value, date):
        return value
    raise ValueError("must be a date such as 2026-01-31")


def to_day(value: date) -> int:
    """The day number of a date."""
    return value.toordinal() - _EPOCH


def day_numbers(days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
    """The day numbers (n,) of numpy days, NaN for NaT."""
    numbers = days.astype("datetime64[D]").astype(np.int64).astype(np.float64)
    numbers[np.isnat(days)] = np.nan
    return numbers


def iso_dates(days: npt.NDArray[Any]) -> list[str | None]:
    """Day numbers (n,), NaN for missing, as ISO strings."""
    return [None if day != day else _iso_date(int(day)) for day in days.tolist()]


def _iso_date(day: int) -> str:
    return date.fromordinal(day + _EPOCH).isoformat()


def scoring_day(as_of: date | str | None) -> int:
    """The day number of ``as_of``, or of today in UTC. Raises InvalidParameter."""
    if as_of is None or as_of == "":
        return to_day(datetime.now(timezone.utc).date())
    try:
        return to_day(parse_date(as_of))
    except ValueError:
        raise InvalidParameter("as_of must be a date such as 2026-01-31") from None


def days_of_times(
    times: npt.NDArray[np.datetime64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Day numbers (n,) of numpy datetimes, NaN for NaT, and a mask (n,) of the invalid ones.

    A datetime is invalid if it has a time of day or lies outside the years 1 to 9999.
    """
    dates = times.astype("datetime64[D]")
    missing = np.isnat(dates)
    days = day_numbers(dates)
    invalid = ~missing & ((dates.astype(times.dtype) != times) | (days < FIRST) | (days > LAST))
    days[missing | invalid] = np.nan
    return days, invalid
