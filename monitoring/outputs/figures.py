"""The figures of the page, one population at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from churn_model.reports.figure_style import BLUE, DARK, LIGHT_GREY, ORANGE, style_axes
from monitoring.outputs.figure_parts import (
    PERCENT,
    bar_widths,
    bounds,
    date_axis,
    days_of,
    mark_alarms,
    middle,
    reference_line,
    short,
    starts_of,
    title,
    to_number,
)
from monitoring.outputs.series import (
    mean_score,
    rejected_share,
    terms_by_movement,
)
from monitoring.outputs.words import METRIC_NAMES
from monitoring.results import PopulationResult, TermDrift, WindowResult

WIDTH, DPI = 10.4, 100
"""Width in inches of a figure as wide as the page, and its dots per inch."""

MOST_WINDOWS, MOST_TERMS = 90, 20
"""What a figure shows of longer results: the last windows, the terms that moved most."""

_SMALLEST_LIMIT = 0.3
"""Shifts of this size or less never have the strongest colour of the heat map."""

_SIGNIFICANT = 0.01
_PERFORMANCE = ("auc", "log_loss", "churn_rate")


def shown_windows(result: PopulationResult) -> Sequence[WindowResult]:
    """The windows that the figures show."""
    return result.windows[-MOST_WINDOWS:]


def timeline_figure(result: PopulationResult) -> Figure:
    """Customers, mean score and rejected share by window, and when alarms began."""
    windows = shown_windows(result)
    figure = Figure(figsize=(WIDTH, 5.0), dpi=DPI, layout="constrained")
    volume, score, rejected = figure.subplots(3, sharex=True)
    days = days_of(windows)
    volume.bar(
        days, [each.window.counts.scored for each in windows], bar_widths(windows), color=BLUE
    )
    score.plot(days, [mean_score(each) for each in windows], ".-", color=BLUE)
    rejected.plot(days, [rejected_share(each) for each in windows], ".-", color=BLUE)
    if "churn_rate" in result.estimates:
        reference_line(score, result.estimates["churn_rate"].value, "reference")
    title(volume, "customers per window")
    title(score, "mean churn probability", percent=True)
    title(rejected, "share of rows rejected", percent=True)
    rejected.set_ylim(bottom=0)
    for axes in (volume, score, rejected):
        mark_alarms(axes, result, windows)
    date_axis(rejected, windows)
    return figure


def drift_figure(result: PopulationResult) -> Figure | None:
    """Heat map of the change in mean log-odds, windows by terms; None if no terms are known."""
    names, windows = terms_by_movement(result)[:MOST_TERMS], shown_windows(result)
    if not names:
        return None
    shifts = _shifts(names, windows)
    height = 1.3 + 0.3 * len(names)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    limit = max(_SMALLEST_LIMIT, float(np.nanmax(np.abs(shifts), initial=0)))
    norm = TwoSlopeNorm(0, -limit, limit)
    axes.set_facecolor("#F3F3F3")
    edges = [*starts_of(windows), to_number(windows[-1].window.end)]
    drawn = axes.pcolormesh(
        edges, np.arange(len(names) + 1), np.ma.masked_invalid(shifts), cmap="PuOr_r", norm=norm
    )
    _mark_significant(axes, names, windows)
    drawn.set_edgecolor("white")
    drawn.set_linewidth(0.5)
    axes.set_yticks(np.arange(len(names)) + 0.5, [short(name) for name in names], fontsize=9)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    date_axis(axes, windows)
    bar = figure.colorbar(drawn, ax=axes, pad=0.01, fraction=0.04, aspect=min(20, 6 + len(names)))
    bar.outline.set_visible(False)
    axes.set_title("change in mean log-odds; dot: significant", loc="left", fontsize=10, color=DARK)
    bar.locator = MaxNLocator(5, symmetric=True)
    return figure


def bins_figure(term: TermDrift) -> Figure:
    """The shares of a term's bins, in the reference and in the last window."""
    figure = Figure(figsize=(5.0, 1.1 + 0.3 * len(term.bins)), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    style_axes(axes)
    rows = np.arange(len(term.bins))
    axes.barh(
        rows - 0.2,
        [each.reference for each in term.bins],
        0.38,
        color=LIGHT_GREY,
        label="reference",
    )
    axes.barh(
        rows + 0.2,
        [each.window for each in term.bins],
        0.38,
        color=BLUE,
    )
    axes.set_yticks(rows, [short(each.label) for each in term.bins], fontsize=9)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(PERCENT)
    axes.set_title(short(term.term), loc="left", fontsize=11, color=DARK)
    return figure


def performance_figure(result: PopulationResult) -> Figure | None:
    """Estimated metrics by window and realised ones by cohort; None if neither is known."""
    windows = shown_windows(result)
    names = [
        name
        for name in _PERFORMANCE
        if any(name in each.estimates for each in windows)
        or any(name in each.realised for each in result.cohorts)
    ]
    if not names:
        return None
    figure = Figure(figsize=(WIDTH, 0.6 + 1.75 * len(names)), dpi=DPI, layout="constrained")
    panels = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, names, strict=True):
        _performance_panel(axes, result, name, windows)
    panels[0].legend(loc="lower left", fontsize=8, ncols=3, frameon=True, edgecolor="none")
    date_axis(panels[-1], [*windows, *result.cohorts])
    return figure


def _performance_panel(
    axes: Axes, result: PopulationResult, name: str, windows: Sequence[WindowResult]
) -> None:
    if name in result.estimates:
        reference_line(axes, result.estimates[name].value, "reference")
    known = [each for each in windows if name in each.estimates]
    if known:
        low, high, values = bounds([each.estimates[name] for each in known])
        days = days_of(known)
        label = "estimated, 95 % interval"
        if len(known) == 1:  # a band needs two
            errors = np.maximum(np.array([values - low, high - values]), 0)
            axes.errorbar(days, values, errors, fmt="o", color=BLUE, capsize=3, label=label)
        else:
            axes.fill_between(days, low, high, color=BLUE, alpha=0.15, linewidth=0)
            axes.plot(days, values, ".-", color=BLUE, label=label)
    cohorts = [each for each in result.cohorts if name in each.realised]
    if cohorts:
        low, high, values = bounds([each.realised[name] for each in cohorts])
        errors = np.maximum(np.array([values - low, high - values]), 0)
        middles = [middle(each.start, each.end) for each in cohorts]
        axes.errorbar(
            middles,
            values,
            errors,
            fmt="o",
            color=ORANGE,
            capsize=3,
            label="realised, 95 % interval",
        )
    title(axes, METRIC_NAMES[name], percent=name == "churn_rate")


def _shifts(names: Sequence[str], windows: Sequence[WindowResult]) -> Any:
    """Shifts (terms, windows); NaN where a term is unknown."""
    shifts = np.full((len(names), len(windows)), np.nan)
    rows = {name: row for row, name in enumerate(names)}
    for column, window in enumerate(windows):
        for term in window.terms:
            if term.term in rows:
                shifts[rows[term.term], column] = term.shift
    return shifts


def _mark_significant(axes: Axes, names: Sequence[str], windows: Sequence[WindowResult]) -> None:
    """A dot in each cell whose term differs significantly from the reference."""
    rows = {name: row for row, name in enumerate(names)}
    cells = [
        (middle(window.window.start, window.window.end), rows[term.term] + 0.5)
        for window in windows
        for term in window.terms
        if term.term in rows and term.p_value < _SIGNIFICANT
    ]
    if cells:
        axes.plot(*zip(*cells, strict=True), ".", color=DARK, markersize=3)
