"""What a window shows, before it is decided whether that is an alarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from monitoring.results import Alarm
from monitoring.windows import Window


class Key(NamedTuple):
    """What a change is about: the kind and the subject of its alarm."""

    kind: str
    subject: str


@dataclass(frozen=True)
class Change:
    """A material change in a window.

    ``is_significant``: noise does not explain it. An alarm starts with significant changes; then
    it continues as long as the change is material, because a small window may show it without
    proving it. ``text``: what changed, without the time.
    """

    is_significant: bool
    text: str


Changes: TypeAlias = Mapping[Key, Change]
"""The material changes of a window."""


def episodes(
    windows: Sequence[Window], found: Sequence[Changes | None], repeated: int
) -> list[Alarm]:
    """An alarm for each change that is significant in ``repeated`` consecutive windows.

    ``found``: those of each window; None if the window says nothing, so that an alarm neither
    starts nor ends there. An alarm ends with the first window that no longer shows the change.
    """
    keys = {key: None for changes in found for key in changes or ()}
    return [alarm for key in keys for alarm in _episodes_of(key, windows, found, repeated)]


def _episodes_of(
    key: Key, windows: Sequence[Window], found: Sequence[Changes | None], repeated: int
) -> list[Alarm]:
    alarms: list[Alarm] = []
    significant: list[datetime] = []  # the starts of consecutive windows that show it
    text = ""
    for window, changes in zip(windows, found, strict=True):
        if changes is None:
            continue
        change = changes.get(key)
        is_open = len(significant) >= repeated
        if change is not None and (is_open or change.is_significant):
            significant.append(window.start)
            text = change.text
            continue
        if is_open:
            alarms.append(alarm_of(key, text, significant[0], window.start, windows))
        significant = []
    if len(significant) >= repeated:
        alarms.append(alarm_of(key, text, significant[0], None, windows))
    return alarms


def alarm_of(
    key: Key, text: str, since: datetime, until: datetime | None, windows: Sequence[Window]
) -> Alarm:
    """The alarm, with its time in the message."""
    first = moment(since, windows)
    when = f"since {first}" if until is None else f"from {first} to {moment(until, windows)}"
    return Alarm(key.kind, key.subject, since, f"{text} {when}", until)


def moment(time: datetime, windows: Sequence[Window]) -> str:
    """The day; with the time of day if windows are shorter than a day."""
    is_daily = all(window.end - window.start >= timedelta(days=1) for window in windows[:1])
    return f"{time:%Y-%m-%d}" if is_daily else f"{time:%Y-%m-%d %H:%M}"


def percent(share: float) -> str:
    """``21.4 %``, and ``0.02 %`` below a tenth."""
    return f"{100 * share:.2g} %" if 0 < share < 0.001 else f"{100 * share:.1f} %"
