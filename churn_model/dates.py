"""Dates: as records hold them (texts such as ``2026-01-31``), and as days, which scores depend on.

A day is counted from 1970-01-01, as numpy counts them. A customer's date is scored by its age, the
days from it to the day of scoring (``as_of``), so that a score needs that day as well.
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
"""The first and the last day that a date can be."""


def parse_date(value: object) -> date:
    """A date, a datetime at midnight, or a text as 2026-01-31. Raises ValueError for all else."""
    if isinstance(value, str):
        # fromisoformat also takes 20260131 and 2026-W05-6
        if _ISO.fullmatch(value):
            return date.fromisoformat(value)
    elif isinstance(value, datetime):
        if value.time() == time() and value.tzinfo is None:
            return value.date()
    elif isinstance(value, date):
        return value
    raise ValueError("must be a date, as 2026-01-31")


def to_day(value: date) -> int:
    """A date's day."""
    return value.toordinal() - _EPOCH


def iso_dates(days: npt.NDArray[Any]) -> list[str | None]:
    """Days (n,), NaN for missing, as texts."""
    return [None if day != day else _text(int(day)) for day in days.tolist()]


def _text(day: int) -> str:
    return date.fromordinal(day + _EPOCH).isoformat()


def scoring_day(as_of: date | str | None) -> int:
    """The day that dates are aged to: ``as_of``, or today in UTC. Raises InvalidParameter."""
    if as_of is None or as_of == "":
        return to_day(datetime.now(timezone.utc).date())
    try:
        return to_day(parse_date(as_of))
    except ValueError:
        raise InvalidParameter("as_of is a date as 2026-01-31") from None


def days_of_times(
    times: npt.NDArray[np.datetime64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Days (n,) of numpy's times, NaN for NaT, and which of them are more than a date."""
    dates = times.astype("datetime64[D]")
    missing = np.isnat(dates)
    days = dates.astype(np.int64).astype(np.float64)
    bad = ~missing & ((dates.astype(times.dtype) != times) | (days < FIRST) | (days > LAST))
    days[missing | bad] = np.nan
    return days, bad
