"""When each row of a table was observed, and whether its label is known by now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.dates import parse_date
from churn_model.errors import FieldError, TableError
from churn_model.tables.formats import read_dates, to_distinct

AS_OF = "--as-of"
"""The flag that names the column, and the column's name in errors of rows."""

Days = npt.NDArray[np.datetime64]


class AmbiguousDatesError(TableError):
    """Several formats fit the dates; the message names the flags that choose one."""


@dataclass(frozen=True)
class ObservationOptions:
    """What the user says about the time of the rows.

    ``as_of``: the day on which all rows were observed, or the column with each row's day; None if
    unknown. ``window``: the days after the observation within which the label says whether the
    customer churned; 0 if labels are final. ``known_until``: the day up to which churn is recorded
    in the table; None for the last observation date. ``date_format``: of the column; empty to find
    it out.
    """

    as_of: date | str | None = None
    window: int = 0
    known_until: date | None = None
    date_format: str = ""

    def to_parameters(self) -> dict[str, Any]:
        """As parameters of a run; none if nothing is known."""
        if self.as_of is None:
            return {}
        parameters: dict[str, Any] = {"observed": str(self.as_of)}
        if self.window:
            parameters["window_days"] = self.window
        if self.known_until is not None:
            parameters["known_until"] = str(self.known_until)
        return parameters

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> ObservationOptions:
        """Read what ``to_parameters`` wrote."""
        as_of, known_until = parameters.get("observed"), parameters.get("known_until")
        return cls(
            as_of and _day_or_column(as_of),
            int(parameters.get("window_days", 0)),
            parse_date(known_until) if known_until else None,
        )

    @property
    def column(self) -> str:
        """The column with the observation dates; empty if there is none."""
        return self.as_of if isinstance(self.as_of, str) else ""


def _day_or_column(text: str) -> date | str:
    try:
        return parse_date(text)
    except ValueError:
        return text


@dataclass(frozen=True)
class Observations:
    """``days`` (n,): each row's observation date (NaT if invalid); None if unknown.

    ``mature`` (n,): whether the window of a row's label has ended. ``known_until``: the day that
    this was decided by; None without a window. ``errors``: of invalid dates.
    """

    days: Days | None
    mature: npt.NDArray[np.bool_]
    known_until: np.datetime64 | None = None
    errors: list[FieldError] = field(default_factory=list)

    def resolved(self, options: ObservationOptions) -> ObservationOptions:
        """The options with the day that was taken for ``known_until``."""
        if self.known_until is None:
            return options
        return replace(options, known_until=date.fromisoformat(str(self.known_until)))


def read_observations(raw: pd.DataFrame, options: ObservationOptions) -> Observations:
    """Read the observation dates of a table (n rows) that ``read_file`` has read.

    Raises TableError if several date formats fit, or if no window has ended.
    """
    mature = np.ones(len(raw), dtype=bool)
    if options.as_of is None:
        return Observations(None, mature)
    errors: list[FieldError] = []
    if options.column:
        days, errors = read_days(raw[options.column], AS_OF, options.date_format)
        days, errors = _without_future(days, errors)
    else:
        days = np.full(len(raw), np.datetime64(options.as_of, "D"))
    if not options.window:
        return Observations(days, mature, errors=errors)
    known_until = np.datetime64(options.known_until, "D") if options.known_until else max_day(days)
    mature = days + np.timedelta64(options.window, "D") <= known_until
    if not mature.any() and not np.isnat(days).all():
        raise TableError(
            f"the window of {options.window} days (--window) has not ended for any row on "
            f"{known_until}; --known-until names the day up to which churn is recorded"
        )
    return Observations(days, mature | np.isnat(days), known_until, errors)


def _without_future(days: Days, errors: list[FieldError]) -> tuple[Days, list[FieldError]]:
    """Reject dates after today: one typing error must not move the day until which all is known."""
    tomorrow = np.datetime64("today", "D") + 1  # in UTC; clocks in other zones may be ahead
    later = ~np.isnat(days) & (days > tomorrow)
    reason = "is an observation date in the future"
    more = [FieldError(row, AS_OF, "date", reason) for row in np.flatnonzero(later).tolist()]
    return np.where(later, np.datetime64("NaT", "D"), days), errors + more


def max_day(days: Days) -> np.datetime64:
    """The last day; NaT if none is known."""
    known = days[~np.isnat(days)]
    return known.max() if len(known) else np.datetime64("NaT", "D")


def read_days(
    cells: pd.Series[Any], flag: str, date_format: str = ""
) -> tuple[Days, list[FieldError]]:
    """The days (n,) of dates or timestamps, NaT and an error for each cell that is neither.

    A timestamp with a zone counts by its day in UTC. ``flag``: the flag that names the
    column. ``date_format``: its name; empty to find it out. Raises TableError if several formats
    fit.
    """
    days: Days = np.full(len(cells), np.datetime64("NaT", "D"))
    is_text = isinstance(cells.dtype, pd.StringDtype)
    if not (is_text and date_format):
        times = pd.to_datetime(cells, errors="coerce", utc=True, format="ISO8601")
        days = times.dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    if is_text and np.isnat(days).any():
        days = _formatted_days(cells, days, flag, date_format)
    rows = np.flatnonzero(np.isnat(days)).tolist()
    reason = f"is not a date such as {date_format or '2026-01-31'}"
    return days, [FieldError(row, flag, "date", reason) for row in rows]


def format_of_days(cells: pd.Series[Any], flag: str, date_format: str = "") -> str:
    """The format of a column of days (n,); empty for the usual one. Raises TableError as above."""
    if date_format or not isinstance(cells.dtype, pd.StringDtype):
        return date_format
    times = pd.to_datetime(cells, errors="coerce", utc=True, format="ISO8601")
    others = cells[times.isna().to_numpy()]
    reading = read_dates(to_distinct(others))
    if reading.readable == 0 or len(others) < len(cells) / 2:
        return ""
    if reading.others:
        raise AmbiguousDatesError(f"{flag} {cells.name}: {reading.question(str(cells.name))}")
    return reading.format


def _formatted_days(cells: pd.Series[Any], iso: Days, flag: str, date_format: str) -> Days:
    """The days of strings that are not all in ISO format; those which are stay as they are."""
    distinct = to_distinct(cells[np.isnat(iso)])
    reading = read_dates(distinct, date_format)
    if reading.readable == 0:
        return iso
    if reading.others:
        raise AmbiguousDatesError(f"{flag} {cells.name}: {reading.question(str(cells.name))}")
    known = dict(zip(distinct.texts, reading.values, strict=True))
    found = cells.str.strip().map(known).to_numpy(object)
    days = np.array([None if pd.isna(day) else day for day in found], dtype="datetime64[D]")
    return np.where(np.isnat(iso), days, iso)
