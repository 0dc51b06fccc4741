"""Dates and timestamps as tables write them, such as ``31/12/2025`` and ``20251231``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

_PARTS = {
    "YYYY": r"(?P<year>\d{4})",
    "MM": r"(?P<month>\d{1,2})",
    "DD": r"(?P<day>\d{1,2})",
}
_TIME = " hh:mm"
_TIME_PATTERN = (
    r"(?:[T ]+(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::\d\d(?:[.,]\d+)?)?"
    r" ?(?P<half>[AaPp][Mm])? ?(?P<zone>Z|[+-]\d\d:?\d\d)?)?"
)
ISO = "YYYY-MM-DD"
ISO_TIMESTAMP = ISO + _TIME


@dataclass(frozen=True)
class DateFormat:
    """How a column's dates are written; ``name`` is one of ``DATE_FORMATS``.

    With a time (``YYYY-MM-DD hh:mm``), a cell is the day of the timestamp. A timestamp with a zone
    is of its day in UTC.
    """

    name: str

    @property
    def has_time(self) -> bool:
        """Whether cells may have a time of day."""
        return self.name.endswith(_TIME)

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        pattern = re.escape(self.name.removesuffix(_TIME))
        for part, expression in _PARTS.items():
            pattern = pattern.replace(part, expression)
        if "-" not in self.name and "/" not in self.name and "." not in self.name:
            pattern = pattern.replace("{1,2}", "{2}")
        return re.compile(pattern + (_TIME_PATTERN if self.has_time else ""), re.ASCII)

    def parse(self, text: str) -> date:
        """The day that a trimmed cell contains. Raises ValueError."""
        match = self._compiled.fullmatch(text)
        if match is None:
            raise ValueError(f"is not a date such as {self.name}")
        parts = match.groupdict()
        day = date(int(parts["year"]), int(parts["month"]), int(parts["day"]))
        return _utc_day(day, parts) if parts.get("hour") else day


def _utc_day(day: date, parts: dict[str, str]) -> date:
    """The day of a timestamp. Raises ValueError for an invalid time."""
    hour, half = int(parts["hour"]), (parts["half"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError("is not a time of day")
        hour = hour % 12 + (12 if half == "pm" else 0)
    time = datetime(day.year, day.month, day.day, hour, int(parts["minute"]))
    zone = (parts["zone"] or "Z").replace(":", "")
    if zone == "Z":
        return time.date()
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
    try:
        return (time - offset if zone[0] == "+" else time + offset).date()
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999") from None


def _formats() -> dict[str, DateFormat]:
    days = [ISO, "YYYY/MM/DD", "YYYY.MM.DD", "YYYYMMDD"]
    for mark in "/-.":
        days += [f"DD{mark}MM{mark}YYYY", f"MM{mark}DD{mark}YYYY"]
    return {name: DateFormat(name) for day in days for name in (day, day + _TIME)}


DATE_FORMATS = _formats()
"""The formats by name. Days and months may have one digit if there are marks between the parts."""
