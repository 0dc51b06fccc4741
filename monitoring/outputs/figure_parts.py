"""Parts of the page's figures: axes of dates, lines and marks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from churn_model.reports.figure_style import DARK, GREY, ORANGE, style_axes
from monitoring.outputs.words import window_name
from monitoring.results import Cohort, Estimate, PopulationResult, WindowResult

PERCENT = FuncFormatter(lambda share, _: f"{round(100 * share, 4):g}%")

_DATES: Any = dates  # its functions have no types
_LABEL_CHARACTERS = 32
_NAMED_WINDOWS = 4
"""Up to this number, each window's name is shown instead of dates."""


def bounds(estimates: Sequence[Estimate]) -> tuple[Any, Any, Any]:
    """The low ends, high ends and values (n,) of estimates."""
    columns = np.array([(each.low, each.high, each.value) for each in estimates]).T
    return columns[0], columns[1], columns[2]


def to_number(moment: datetime) -> float:
    """A moment as matplotlib's number of days."""
    return float(_DATES.date2num(moment))


def middle(start: datetime, end: datetime) -> float:
    """The middle of a window as matplotlib's number of days."""
    return to_number(start + (end - start) / 2)


def days_of(windows: Sequence[WindowResult]) -> list[float]:
    """The middles of windows."""
    return [middle(each.window.start, each.window.end) for each in windows]


def starts_of(windows: Sequence[WindowResult]) -> list[float]:
    """The starts of windows."""
    return [to_number(each.window.start) for each in windows]


def bar_widths(windows: Sequence[WindowResult]) -> list[float]:
    """The widths of bars that leave a gap between windows."""
    lengths = ((each.window.end - each.window.start).total_seconds() for each in windows)
    return [0.8 * seconds / 86400 for seconds in lengths]


def reference_line(axes: Axes, value: float, label: str) -> None:
    """A dashed line at the value of the reference."""
    axes.axhline(value, color=GREY, linestyle="--", linewidth=1.2, label=label)


def title(axes: Axes, text: str, percent: bool = False) -> None:
    """A title above the axes, few ticks and a light grid."""
    style_axes(axes)
    axes.set_title(text, loc="left", fontsize=10, color=DARK)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(labelsize=9)
    if percent:
        axes.yaxis.set_major_formatter(PERCENT)


def mark_alarms(axes: Axes, result: PopulationResult, windows: Sequence[WindowResult]) -> None:
    """A line at the start of each alarm."""
    for since in {alarm.since for alarm in result.alarms}:
        if windows[0].window.start <= since <= windows[-1].window.end:
            axes.axvline(to_number(since), color=ORANGE, linewidth=1.6)


def date_axis(axes: Axes, windows: Sequence[WindowResult | Cohort]) -> None:
    """An axis of time as long as the windows; the name of each, if they are few."""
    ends = sorted({_ends(each) for each in windows})
    axes.set_xlim(to_number(ends[0][0]), to_number(max(end for _, end in ends)))
    if len(ends) <= _NAMED_WINDOWS:
        names = [window_name(start, end) for start, end in ends]
        axes.set_xticks([middle(start, end) for start, end in ends], names)
        return
    locator = _DATES.AutoDateLocator(minticks=2, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(_DATES.ConciseDateFormatter(locator))


def _ends(window: WindowResult | Cohort) -> tuple[datetime, datetime]:
    if isinstance(window, Cohort):
        return window.start, window.end
    return window.window.start, window.window.end


def short(text: str) -> str:
    """A label that fits beside a figure."""
    return text if len(text) <= _LABEL_CHARACTERS else text[: _LABEL_CHARACTERS - 1] + "…"
