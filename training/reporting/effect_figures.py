"""Figures of a scorecard's effects: one per feature, and one per pair of features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from churn_model.arrays import Floats
from churn_model.reports.figure_style import (
    BLUE,
    DARK,
    GREY,
    LIGHT_GREY,
    draw_legend,
    new_axes,
    new_figure,
    style_axes,
)
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.scoring.scorecard import Scorecard, Term, term_shape
from training.data.categories import OTHER
from training.reporting.feature_summary import FeatureSummary, feature_summary

_EFFECT = "effect on the log-odds"
_LONGEST_TICK = 18  # characters of a level's name on an axis
_MOST_TICK_CHARACTERS = 40  # beside each other on the x axis


def effect_figures(
    scorecard: Scorecard,
    schema: RecordSchema,
    customers: pd.DataFrame | None = None,
    standard_deviations: Sequence[Sequence[float]] | None = None,
) -> Iterator[tuple[str, Figure]]:
    """One figure per feature with its effect on the log-odds, without its pairs.

    ``customers``: the training table. With it, a histogram is drawn below the effect of a number,
    and shares are shown of missing values and of category levels.
    With ``standard_deviations`` (one list per term, see ``training.fitting.fit.Fitted``), a band of
    two standard deviations is drawn around the effect.
    """
    positions = {
        term.features[0]: i for i, term in enumerate(scorecard.terms) if len(term.features) == 1
    }
    for column in schema.features:
        name = column.name
        if name not in positions:
            continue
        term = scorecard.terms[positions[name]]
        band = np.zeros(len(term.scores))
        if standard_deviations:
            band = 2 * np.asarray(standard_deviations[positions[name]])
        summary = FeatureSummary(0.0)
        if customers is not None:
            summary = feature_summary(column, customers[name])
        labels = _level_labels(column, term, summary)
        if labels:
            figure, axes = _level_effect(column, labels, term, band, summary)
        else:
            values = None if customers is None else customers[name].to_numpy(np.float64)
            figure, axes = _number_effect(column, term, band, summary, values)
        axes.set_title(f"Effect of {name.replace('_', ' ')}")
        yield name, figure


def pair_figures(
    scorecard: Scorecard,
    schema: RecordSchema,
    limits: Mapping[str, tuple[float, float]],
    pairs: Sequence[Term],
) -> Iterator[tuple[str, Figure]]:
    """One figure per pair of features: their joint effect, in addition to their own effects.

    ``limits``: the lowest and the highest value of each number to draw. ``pairs``: the terms to
    draw.
    """
    columns = {column.name: column for column in schema.features}
    for term in pairs:
        drawn = [columns[name] for name in term.features]
        scores = np.reshape(term.scores, term_shape(scorecard, term))
        yield term.name, _pair_effect(term, scores, drawn, limits)


# --- numbers ----------------------------------------------------------------------------------


def _number_effect(
    column: Column, term: Term, band: Floats, summary: FeatureSummary, values: Floats | None
) -> tuple[Figure, Axes]:
    """A step per bin, and a histogram of the customers below if they are known."""
    figure = new_figure()
    if values is None:
        axes = lowest = figure.add_subplot()
    else:
        axes, lowest = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        style_axes(lowest)
    style_axes(axes)
    low, high = summary.limits or _limits_of_cuts(term.cuts[0])
    pad = 0.02 * (high - low) or 0.5
    _draw_steps(axes, term, band, (low - pad, high + pad))
    if summary.missing:
        axes.plot([], [], " ", label=f"missing ({summary.missing:.1%}): {term.scores[0]:+.2f}")
    if values is not None:
        _draw_histogram(lowest, values, _histogram_bins(column, low, high))
    axes.axhline(0.0, color=GREY, linewidth=0.8, zorder=0)
    axes.set(ylabel=_EFFECT, xlim=(low - pad, high + pad))
    lowest.set_xlabel(column.label)
    if axes.get_legend_handles_labels()[0]:
        draw_legend(axes)
    return figure, axes


def _draw_steps(axes: Axes, term: Term, band: Floats, limits: tuple[float, float]) -> None:
    edges = np.clip([limits[0], *term.cuts[0], limits[1]], *limits)
    scores, widths = np.asarray(term.scores)[1:-1], band[1:-1]
    if widths.any():
        axes.stairs(
            scores + widths,
            edges,
            baseline=scores - widths,
            fill=True,
            color=BLUE,
            alpha=0.2,
            linewidth=0,
            label="± two standard deviations",
        )
    axes.stairs(scores, edges, color=BLUE, linewidth=1.8, baseline=None)


def _draw_histogram(axes: Axes, values: Floats, bins: Floats) -> None:
    counts, edges = np.histogram(values[~np.isnan(values)], bins=bins)
    axes.stairs(counts / max(1, len(values)), edges, fill=True, color=LIGHT_GREY)
    axes.set(ylabel="customers")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _limits_of_cuts(cuts: Sequence[float]) -> tuple[float, float]:
    return (cuts[0], cuts[-1]) if cuts else (0.0, 1.0)


def _histogram_bins(column: Column, low: float, high: float) -> Floats:
    if column.kind in ("integer", "boolean") and high - low <= 100:
        return np.arange(low, high + 2) - 0.5
    return np.linspace(low, high if high > low else low + 1, 41)


# --- categories and booleans ------------------------------------------------------------------


def _level_labels(column: Column, term: Term, summary: FeatureSummary) -> list[str]:
    """The labels of a feature's bars; empty for a number, which has none."""
    if column.kind == "boolean" and len(term.cuts[0]) == 1:
        return ["no", "yes"]
    if not summary.shares:
        return list(column.levels)
    labels = [f"{level} ({summary.shares.get(level, 0.0):.0%})" for level in column.levels]
    unlisted = _unlisted_share(column, summary)
    return [*labels, f"{OTHER} ({unlisted:.0%})"] if unlisted else labels


def _unlisted_share(column: Column, summary: FeatureSummary) -> float:
    """The share (0..1) of the customers whose category level the column does not list."""
    share = 1.0 - sum(summary.shares.values()) if summary.shares else 0.0
    return share if column.allows_unlisted and share > 1e-9 else 0.0


def _level_effect(
    column: Column, labels: list[str], term: Term, band: Floats, summary: FeatureSummary
) -> tuple[Figure, Axes]:
    """A bar per level."""
    drawn = slice(1, None if _unlisted_share(column, summary) else -1)
    scores, widths = list(term.scores[drawn]), list(band[drawn])
    if summary.missing:
        labels = [*labels, f"missing ({summary.missing:.0%})"]
        scores.append(term.scores[0])
        widths.append(band[0])
    figure, axes = new_axes(height=max(2.2, 0.9 + 0.32 * (len(labels) + 1)))
    error = widths if band.any() else None
    positions = np.arange(len(labels))
    axes.barh(positions, scores, xerr=error, ecolor=DARK, capsize=2, color=BLUE, alpha=0.85)
    axes.set_yticks(positions, labels)
    axes.invert_yaxis()
    axes.axvline(0.0, color=GREY, linewidth=0.8)
    axes.set(xlabel=_EFFECT)
    return figure, axes


# --- pairs ------------------------------------------------------------------------------------


def _pair_effect(
    term: Term,
    scores: Floats,
    columns: Sequence[Column],
    limits: Mapping[str, tuple[float, float]],
) -> Figure:
    """A heat map of the pair's table, without its entries for missing and unlisted values."""
    figure, axes = new_axes()
    scores = scores[1:-1, 1:-1]
    largest = max(float(np.abs(scores).max()), 1e-9)
    x, y = (_edges(c, cuts, limits) for c, cuts in zip(columns, term.cuts, strict=True))
    colours: Any = {"cmap": "PuOr_r", "norm": TwoSlopeNorm(0, -largest, largest)}
    mesh = axes.pcolormesh(x, y, scores.T, **colours)
    figure.colorbar(mesh, ax=axes, label=_EFFECT)
    axes.grid(visible=False)
    for axis, column in ((axes.xaxis, columns[0]), (axes.yaxis, columns[1])):
        if column.kind == "category":
            labels = [_shorten(level) for level in column.levels]
            axis.set_ticks(np.arange(len(labels)) + 0.5, labels)
    if sum(map(len, map(_shorten, columns[0].levels))) > _MOST_TICK_CHARACTERS:
        for label in axes.get_xticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
    names = " and ".join(column.name.replace("_", " ") for column in columns)
    axes.set(title=f"Pair: {names}", xlabel=columns[0].label, ylabel=columns[1].label)
    return figure


def _shorten(level: str) -> str:
    return level if len(level) <= _LONGEST_TICK else f"{level[: _LONGEST_TICK - 1]}…"


def _edges(
    column: Column, cuts: Sequence[float], limits: Mapping[str, tuple[float, float]]
) -> Floats:
    """The edges of a table's entries along one axis."""
    if column.kind == "category":
        return np.arange(len(column.levels) + 1, dtype=np.float64)
    low, high = limits.get(column.name, (0.0, 1.0))
    edges: Floats = np.clip(np.array([low, *cuts, high]), low, max(high, low))
    return edges
