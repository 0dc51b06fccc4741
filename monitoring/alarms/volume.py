"""Missing customers, by the history of the population itself.

A monthly batch has empty days, a shop has quiet weekends. So a run of empty windows is an alarm
only if it is clearly longer than those before, and few customers only if there were never so few.
There is no error level, because volume follows habits and not chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from monitoring.alarms.changes import Key, alarm_of
from monitoring.alarms.limits import VolumeLimits
from monitoring.results import Alarm
from monitoring.windows import Window

_KEY = Key("volume", "")
_FEWEST = 4  # windows with customers, from which habits can be seen
_HALF = 0.5


@dataclass
class _History:
    """What was usual so far.

    ``rows``: of each window that was not empty. ``gaps``: the lengths of runs of empty windows.
    ``alarmed``: those of runs that were alarms; if it happens again, it has become usual.
    """

    rows: list[float] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    alarmed: list[int] = field(default_factory=list)
    first: datetime | None = None
    windows: int = 0

    def is_enough(self, start: datetime, limits: VolumeLimits) -> bool:
        """Whether habits are known before ``start``."""
        return (
            self.first is not None
            and len(self.rows) >= _FEWEST
            and self.windows >= limits.history
            and start - self.first >= timedelta(days=limits.history)
        )

    def longest_gap(self) -> int:
        """The longest usual run of empty windows."""
        return max([*self.gaps, *sorted(self.alarmed)[:-1]], default=0)

    def is_low(self, rows: float, limits: VolumeLimits) -> bool:
        """Whether a window has clearly fewer rows than usual."""
        return rows < limits.low * median(self.rows) and rows < _HALF * min(self.rows)


def volume_alarms(windows: Sequence[Window], limits: VolumeLimits) -> list[Alarm]:
    """The runs of windows with no or few customers that are unusual; windows must be complete."""
    history, i = _History(), 0
    alarms: list[Alarm] = []  # with messages that do not say when
    while i < len(windows):
        end = _end_of_gap(windows, i)
        if end > i:
            alarms += _gap_alarm(windows, i, end, history, limits)
        else:
            end = i + 1
            alarms += _low_alarm(windows, i, history, limits)
        i = end
    return [
        alarm_of(_KEY, alarm.message, alarm.since, alarm.until, windows)
        for alarm in _joined(alarms)
    ]


def _rows(window: Window) -> float:
    return window.counts.scored + window.counts.rejected


def _end_of_gap(windows: Sequence[Window], start: int) -> int:
    end = start
    while end < len(windows) and not _rows(windows[end]):
        end += 1
    return end


def _gap_alarm(
    windows: Sequence[Window], start: int, end: int, history: _History, limits: VolumeLimits
) -> list[Alarm]:
    if history.first is None:
        return []
    history.windows += end - start
    longest, known = history.longest_gap(), history.is_enough(windows[start].start, limits)
    is_alarm = known and end - start > limits.longer * longest
    is_over = end < len(windows)
    if is_over:
        (history.alarmed if is_alarm else history.gaps).append(end - start)
    if not is_alarm:
        return []
    count = "one window" if end - start == 1 else f"{end - start} consecutive windows"
    usual = f"at most {longest} in a row were empty" if longest else "none was empty"
    text = f"no customers in {count} (before, {usual})"
    until = windows[end].start if is_over else None
    return [Alarm(*_KEY, windows[start].start, text, until)]


def _low_alarm(
    windows: Sequence[Window], i: int, history: _History, limits: VolumeLimits
) -> list[Alarm]:
    window, rows = windows[i], _rows(windows[i])
    known = history.is_enough(window.start, limits)
    history.first = history.first or window.start
    history.windows += 1
    if not (known and history.is_low(rows, limits)):
        history.rows.append(rows)
        return []
    text = f"only {rows:,.0f} rows in a window (before, the median was {median(history.rows):,.0f})"
    until = window.end if i + 1 < len(windows) else None
    return [Alarm(*_KEY, window.start, text, until)]


def _joined(alarms: list[Alarm]) -> list[Alarm]:
    """Alarms of adjacent windows are one, with the words of the last."""
    joined: list[Alarm] = []
    for alarm in alarms:
        if joined and joined[-1].until == alarm.since:
            before = joined.pop()
            alarm = Alarm(alarm.kind, alarm.subject, before.since, alarm.message, alarm.until)
        joined.append(alarm)
    return joined
