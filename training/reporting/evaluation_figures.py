"""Figures of the evaluation: how well the models rank customers, and how calibrated they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from churn_model.arrays import Floats
from churn_model.reports.figure_style import (
    BLUE,
    GREEN,
    GREY,
    HEIGHT,
    LINES,
    ORANGE,
    draw_legend,
    new_axes,
    new_figure,
    percent_axes,
    style_axes,
)
from training.evaluation.economics import BEST, DEFAULT, OWN, Economics
from training.evaluation.evaluation import Evaluation, PeriodMetrics
from training.evaluation.metrics import METRICS, RankedScores

_POINTS = 400  # of a curve; more are invisible, and make the page slow
_BINS = 10


def evaluation_figures(evaluation: Evaluation) -> Iterator[tuple[str, Figure]]:
    """ROC, precision-recall, calibration and gains curves of the scorecard and its baselines."""
    for name, draw in (
        ("roc", _roc),
        ("precision_recall", _precision_recall),
        ("calibration", _calibration),
        ("gains", _gains),
    ):
        figure, axes = new_axes()
        draw(axes, evaluation)
        yield name, figure


def over_time_figure(over_time: Sequence[PeriodMetrics]) -> Figure:
    """AUC and log loss in each held-out period, with intervals, and the churn rate."""
    figure = new_figure(1.25 * HEIGHT)
    rows = figure.subplots(3, 1, sharex=True)
    first = [_day(each.period.first) for each in over_time]
    last = [_day(each.period.last + np.timedelta64(1, "D")) for each in over_time]
    middle = [start + (end - start) / 2 for start, end in zip(first, last, strict=True)]
    for axes, metric in zip(rows, ("auc", "log_loss"), strict=False):
        values = [each.metrics[metric] for each in over_time]
        low, high = zip(*(each.intervals[metric] for each in over_time), strict=True)
        axes.hlines(values, first, last, color=BLUE, linewidth=3)
        axes.vlines(middle, low, high, color=BLUE, linewidth=1.2)
        axes.plot(middle, values, color=BLUE, linewidth=0.8, linestyle=":")
        axes.set_ylabel(METRICS[metric][0])
    rows[2].hlines([each.churn_rate for each in over_time], first, last, color=GREY, linewidth=3)
    rows[2].set_ylabel("churn rate")
    rows[2].yaxis.set_major_formatter(PercentFormatter(1.0))
    rows[2].set_ylim(0, 1.2 * max(each.churn_rate for each in over_time))
    for axes in rows:
        style_axes(axes)
    locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
    rows[2].xaxis.set_major_locator(locator)
    rows[2].xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    rows[0].set_title("Each held-out period, with 95 % intervals")
    rows[2].set_xlabel("observation date")
    return figure


def _day(day: np.datetime64) -> Any:
    return day.astype(object)


def profit_figure(campaign: Economics) -> Figure:
    """The profit per customer by the share contacted, and the results of several policies."""
    figure, axes = new_axes()
    contacted, profit = _thin_out(campaign.contacted, campaign.profit)
    axes.plot(contacted, profit, color=BLUE, linewidth=1.8)
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    best = campaign.policies[BEST]
    label = f"best threshold ({campaign.threshold:.1%}): {best.profit:,.2f}"
    axes.plot(best.contacted, best.profit, "o", color=ORANGE, markersize=8, label=label)
    axes.vlines(best.contacted, *best.interval, color=ORANGE, linewidth=1.2)
    own = campaign.policies[OWN]
    label = f"{OWN}: {own.profit:,.2f}"
    axes.plot(own.contacted, own.profit, "^", color=BLUE, markersize=7, label=label)
    default = campaign.policies[DEFAULT]
    label = f"threshold 50 %: {default.profit:,.2f}"
    axes.plot(default.contacted, default.profit, "s", color=GREEN, markersize=6, label=label)
    axes.set(
        title="Campaign profit (held-out customers)",
        xlabel="customers contacted, highest risk first",
        ylabel="profit per customer",
        xlim=(0, 1),
    )
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    draw_legend(axes)
    return figure


class _Model(NamedTuple):
    """One model's held-out scores and its line style."""

    name: str
    probability: Floats
    scores: RankedScores
    style: dict[str, Any]

    def label(self, evaluation: Evaluation, metric: str, words: str) -> str:
        value = evaluation.metrics[self.name][metric]
        return f"{self.name.replace('_', ' ')} ({words} {value:.3f})"


def _models(evaluation: Evaluation) -> Iterator[_Model]:
    held_out = evaluation.held_out
    lines = zip(held_out.probabilities.items(), LINES, strict=False)
    for (name, probability), (colour, line) in lines:
        style = {"color": colour, "linestyle": line, "linewidth": 1.8}
        yield _Model(name, probability, RankedScores(held_out.churned, probability), style)


def _roc(axes: Axes, evaluation: Evaluation) -> None:
    for model in _models(evaluation):
        curve = _thin_out(*model.scores.roc(evaluation.held_out.weights))
        axes.plot(*curve, label=model.label(evaluation, "auc", "AUC"), **model.style)
    _diagonal(axes)
    _whole_range(axes)
    axes.set(title="ROC curve (held-out customers)", xlabel="false positive rate", ylabel="recall")
    draw_legend(axes, "lower right")


def _precision_recall(axes: Axes, evaluation: Evaluation) -> None:
    weights = evaluation.held_out.weights
    rate = 0.0
    for model in _models(evaluation):
        rate = model.scores.churn_rate(weights)
        contacted, recall = _thin_out(*model.scores.gains(weights))
        label = model.label(evaluation, "average_precision", "average precision")
        axes.plot(recall[1:], rate * recall[1:] / contacted[1:], label=label, **model.style)
    axes.axhline(rate, color=GREY, linewidth=0.8, label=f"churn rate ({rate:.3f})")
    _whole_range(axes)
    axes.set(
        title="Precision-recall curve (held-out customers)", xlabel="recall", ylabel="precision"
    )
    draw_legend(axes)


def _calibration(axes: Axes, evaluation: Evaluation) -> None:
    held_out = evaluation.held_out
    largest = 0.0
    for model in _models(evaluation):
        bins = np.array_split(np.argsort(model.probability, kind="stable"), _BINS)
        predicted, observed = (
            [np.average(values[b], weights=held_out.weights[b]) for b in bins if len(b)]
            for values in (model.probability, held_out.churned)
        )
        label = model.label(evaluation, "calibration_error", "calibration error")
        axes.plot(predicted, observed, marker="o", markersize=4, label=label, **model.style)
        largest = max(largest, *predicted, *observed)
    _diagonal(axes)
    limits = (0, min(1.0, 1.1 * largest))
    axes.set(xlim=limits, ylim=limits)
    percent_axes(axes)
    axes.set(
        title="Calibration (held-out customers, ten bins of equal count)",
        xlabel="predicted churn rate",
        ylabel="observed churn rate",
    )
    draw_legend(axes, "upper left")


def _gains(axes: Axes, evaluation: Evaluation) -> None:
    for model in _models(evaluation):
        curve = _thin_out(*model.scores.gains(evaluation.held_out.weights))
        label = model.label(evaluation, "lift_10", "lift in the top 10 %:")
        axes.plot(*curve, label=label, **model.style)
    _diagonal(axes)
    _whole_range(axes)
    axes.set(
        title="Gains curve (held-out customers)",
        xlabel="customers contacted, highest risk first",
        ylabel="recall",
    )
    draw_legend(axes, "lower right")


def _thin_out(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """At most some hundred points of a curve, evenly along x, with both ends."""
    if len(x) <= _POINTS:
        return x, y
    positions = np.searchsorted(x, np.linspace(x[0], x[-1], _POINTS)).clip(0, len(x) - 1)
    kept = np.unique([0, *positions, len(x) - 1])
    return x[kept], y[kept]


def _diagonal(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)


def _whole_range(axes: Axes) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    percent_axes(axes)
