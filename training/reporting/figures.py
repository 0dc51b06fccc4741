"""The figures of a run: how well it ranks, how well it is calibrated, what each feature does."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.scoring.scorecard import FeatureProfile, Scorecard, Term
from training.data.categories import OTHER
from training.evaluation.economics import Economics
from training.evaluation.evaluation import Evaluation
from training.evaluation.metrics import Floats, Ranked

# Okabe and Ito's colours, which colour-blind people can tell apart, and a line style besides
_STYLES = [("#0072B2", "-"), ("#E69F00", "--"), ("#009E73", "-."), ("#CC79A7", ":")]
_GREY = "#767676"
_BLUE = _STYLES[0][0]
_EFFECT = "effect on the risk (log-odds)"
_WIDTH, _HEIGHT = 5.6, 4.2  # inches, at 120 dots an inch
_POINTS = 400  # of a curve; the eye sees no more, and a page with 10,000 is slow
_BINS = 10


@contextmanager
def any_text() -> Iterator[None]:
    """Draw names as they are: a dollar sign begins no formula; a letter without a glyph is a box.

    In a page it is itself again, because text stays text there.
    """
    with mpl.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        yield


def evaluation_figures(evaluation: Evaluation) -> Iterator[tuple[str, Figure]]:
    """ROC, precision-recall, calibration and gains, each with the scorecard and its baselines."""
    for name, draw in (
        ("roc", _roc),
        ("precision_recall", _precision_recall),
        ("calibration", _calibration),
        ("gains", _gains),
    ):
        figure, axes = _figure()
        draw(axes, evaluation)
        yield name, figure


def effect_figures(
    scorecard: Scorecard,
    schema: RecordSchema,
    customers: pd.DataFrame | None = None,
    spread: Sequence[Sequence[float]] | None = None,
) -> Iterator[tuple[str, Figure]]:
    """One figure a feature: its own effect on the log-odds, and where the customers are.

    With ``customers`` a number's density is drawn under it; with ``spread`` (one list a term, see
    ``training.fitting.fit.Fitted``) a band of two standard deviations.
    """
    places = {
        term.features[0]: i for i, term in enumerate(scorecard.terms) if len(term.features) == 1
    }
    for column in schema.features:
        if column.name not in places:
            continue
        place = places[column.name]
        term, name = scorecard.terms[place], column.name
        widths = np.asarray(spread[place] if spread else np.zeros(len(term.scores)))
        profile = scorecard.profile.features.get(name, FeatureProfile(missing=0.0))
        names = _bar_names(column, term, profile)
        if names:
            figure, axes = _figure(height=max(2.2, 0.9 + 0.32 * (len(names) + 1)))
            _bar_effect(axes, column, names, term, 2 * widths, profile)
        else:
            values = None if customers is None else customers[name].to_numpy(np.float64)
            figure, axes = _number_effect(column, term, 2 * widths, profile, values)
        axes.set_title(f"Effect of {name.replace('_', ' ')}")
        yield name, figure


def pair_figures(
    scorecard: Scorecard, schema: RecordSchema, limits: Mapping[str, tuple[float, float]]
) -> Iterator[tuple[str, Figure]]:
    """One figure a pair of features: what the two add together, beside what each does alone.

    ``limits``: the lowest and the highest value to draw of each number.
    """
    columns = {column.name: column for column in schema.features}
    for term in scorecard.terms:
        if len(term.features) == 2:
            figure, axes = _figure()
            _pair_effect(figure, axes, term, [columns[name] for name in term.features], limits)
            yield term.name, figure


def profit_figure(campaign: Economics) -> Figure:
    """The profit a customer over the share contacted, its top, and the choice at 0.5."""
    figure, axes = _figure()
    contacted, profit = _thin(campaign.contacted, campaign.profit)
    axes.plot(contacted, profit, color=_BLUE, linewidth=1.8)
    axes.axhline(0.0, color=_GREY, linewidth=0.8)
    best = campaign.best
    half = campaign.choices["at 0.5"]
    label = f"risk of {campaign.threshold:.1%} or more: {best.profit:,.2f} a customer"
    axes.plot(best.contacted, best.profit, "o", color=_STYLES[1][0], markersize=8, label=label)
    label = f"risk of 50 % or more: {half.profit:,.2f}"
    axes.plot(half.contacted, half.profit, "s", color=_STYLES[2][0], markersize=6, label=label)
    axes.set(
        title="Profit of the campaign, held out",
        xlabel="customers contacted, highest risk first",
        ylabel="profit a customer, contacted or not",
        xlim=(0, 1),
    )
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(loc="best", frameon=False)
    return figure


# --- evaluation -------------------------------------------------------------------------------


def _figure(height: float = _HEIGHT) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E5E5E5", linewidth=0.8)
    axes.set_axisbelow(True)


def _lines(evaluation: Evaluation) -> Iterator[tuple[str, Floats, dict[str, Any]]]:
    for (name, probability), (colour, style) in zip(
        evaluation.held_out.probabilities.items(), _STYLES, strict=False
    ):
        yield name, probability, {"color": colour, "linestyle": style, "linewidth": 1.8}


def _gain_curves(
    evaluation: Evaluation,
) -> Iterator[tuple[str, Floats, Floats, dict[str, Any]]]:
    held_out = evaluation.held_out
    for name, probability, style in _lines(evaluation):
        reached, captured = Ranked(held_out.churned, probability).gains(held_out.weights)
        yield name, *_thin(reached, captured), style


def _thin(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """At most some hundred points of a curve, evenly along x, with both ends."""
    if len(x) <= _POINTS:
        return x, y
    places = np.searchsorted(x, np.linspace(x[0], x[-1], _POINTS)).clip(0, len(x) - 1)
    kept = np.unique([0, *places, len(x) - 1])
    return x[kept], y[kept]


def _rate(evaluation: Evaluation) -> float:
    return float(np.average(evaluation.held_out.churned, weights=evaluation.held_out.weights))


def _words(name: str, evaluation: Evaluation, metric: str, text: str) -> str:
    return f"{name.replace('_', ' ')} ({text} {evaluation.metrics[name][metric]:.3f})"


def _roc(axes: Axes, evaluation: Evaluation) -> None:
    rate = _rate(evaluation)
    for name, reached, captured, style in _gain_curves(evaluation):
        kept = (reached - rate * captured) / (1 - rate)
        axes.plot(kept, captured, label=_words(name, evaluation, "auc", "AUC"), **style)
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8)
    _shares(axes)
    axes.set(title="ROC, held out", xlabel="kept customers called at risk", ylabel="churners found")
    axes.legend(loc="lower right", frameon=False)


def _precision_recall(axes: Axes, evaluation: Evaluation) -> None:
    rate = _rate(evaluation)
    for name, reached, captured, style in _gain_curves(evaluation):
        label = _words(name, evaluation, "average_precision", "average")
        axes.plot(captured[1:], rate * captured[1:] / reached[1:], label=label, **style)
    axes.axhline(rate, color=_GREY, linewidth=0.8, label=f"everybody ({rate:.3f})")
    _shares(axes)
    axes.set(
        title="Precision and recall, held out",
        xlabel="churners found (recall)",
        ylabel="churners among those called at risk",
    )
    axes.legend(loc="best", frameon=False)


def _calibration(axes: Axes, evaluation: Evaluation) -> None:
    held_out = evaluation.held_out
    top = 0.0
    for name, probability, style in _lines(evaluation):
        bins = np.array_split(np.argsort(probability, kind="stable"), _BINS)
        predicted, seen = (
            [np.average(values[b], weights=held_out.weights[b]) for b in bins if len(b)]
            for values in (probability, held_out.churned)
        )
        label = _words(name, evaluation, "calibration_error", "error")
        axes.plot(predicted, seen, marker="o", markersize=4, label=label, **style)
        top = max(top, *predicted, *seen)
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8)
    axes.set(xlim=(0, min(1.0, 1.1 * top)), ylim=(0, min(1.0, 1.1 * top)))
    _percent(axes)
    axes.set(
        title="Calibration, held out, ten groups of equal size",
        xlabel="churn predicted",
        ylabel="churn seen",
    )
    axes.legend(loc="upper left", frameon=False)


def _gains(axes: Axes, evaluation: Evaluation) -> None:
    for name, reached, captured, style in _gain_curves(evaluation):
        label = _words(name, evaluation, "lift_10", "lift at 10 %:")
        axes.plot(reached, captured, label=label, **style)
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8)
    _shares(axes)
    axes.set(
        title="Gains, held out",
        xlabel="customers contacted, highest risk first",
        ylabel="churners reached",
    )
    axes.legend(loc="lower right", frameon=False)


def _shares(axes: Axes) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    _percent(axes)


def _percent(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


# --- effects ----------------------------------------------------------------------------------


def _number_effect(
    column: Column, term: Term, width: Floats, profile: FeatureProfile, values: Floats | None
) -> tuple[Figure, Axes]:
    """A step for each bin between the cuts; below, how many customers there are."""
    figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=120, layout="constrained")
    if values is None:
        axes = below = figure.add_subplot()
    else:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        _plain(below)
    _plain(axes)
    cuts, scores = term.cuts[0], np.asarray(term.scores)
    low, high = _ends(profile, cuts)
    pad = 0.02 * (high - low) or 0.5
    edges = np.clip([low - pad, *cuts, high + pad], low - pad, high + pad)
    inner, band = scores[1:-1], width[1:-1]
    if band.any():
        axes.stairs(
            inner + band,
            edges,
            baseline=inner - band,
            fill=True,
            color=_BLUE,
            alpha=0.2,
            linewidth=0,
            label="two standard deviations",
        )
    axes.stairs(inner, edges, color=_BLUE, linewidth=1.8, baseline=None)
    if profile.missing:
        axes.plot([], [], " ", label=f"missing ({profile.missing:.1%}): {scores[0]:+.2f}")
    if values is None:
        _rug(axes, profile)
    else:
        known = values[~np.isnan(values)]
        counts, bins = np.histogram(known, bins=_bins(column, low, high))
        below.stairs(counts / max(1, len(values)), bins, fill=True, color="#B5B5B5")
        below.set(ylabel="customers")
        below.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.axhline(0.0, color=_GREY, linewidth=0.8, zorder=0)
    axes.set(ylabel=_EFFECT, xlim=(low - pad, high + pad))
    below.set_xlabel(column.label)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", frameon=False)
    return figure, axes


def _ends(profile: FeatureProfile, cuts: Sequence[float]) -> tuple[float, float]:
    quantiles = profile.quantiles or ([cuts[0], cuts[-1]] if cuts else [0.0, 1.0])
    return min(quantiles), max(quantiles)


def _bins(column: Column, low: float, high: float) -> Floats:
    if column.kind in ("integer", "boolean") and high - low <= 100:
        return np.arange(low, high + 2) - 0.5
    return np.linspace(low, high if high > low else low + 1, 41)


def _rug(axes: Axes, profile: FeatureProfile) -> None:
    axes.plot(
        profile.quantiles,
        np.zeros(len(profile.quantiles)) + 0.015,
        "|",
        transform=axes.get_xaxis_transform(),
        color=_GREY,
        markersize=9,
        label="each mark: 5 % of the customers",
    )


def _bar_names(column: Column, term: Term, profile: FeatureProfile) -> list[str]:
    """What the bars are called, where a feature is drawn with a bar for each value."""
    if column.kind == "boolean" and len(term.cuts[0]) == 1:
        return ["no", "yes"]
    names = [f"{c} ({profile.shares.get(c, 0.0):.0%})" for c in column.levels]
    others = _others(column, profile)
    return [*names, f"{OTHER} ({others:.0%})"] if others else names


def _others(column: Column, profile: FeatureProfile) -> float:
    """The share (0..1) of the customers with a category that an open column does not list."""
    share = 1.0 - sum(profile.shares.values())
    return share if column.allows_unlisted and share > 1e-9 else 0.0


def _bar_effect(
    axes: Axes,
    column: Column,
    names: list[str],
    term: Term,
    width: Floats,
    profile: FeatureProfile,
) -> None:
    known = slice(1, None if _others(column, profile) else -1)
    scores, widths = list(term.scores[known]), list(width[known])
    if profile.missing:
        names.append(f"missing ({profile.missing:.0%})")
        scores.append(term.scores[0])
        widths.append(width[0])
    error = widths if width.any() else None
    axes.barh(names, scores, xerr=error, ecolor="#333333", capsize=2, color=_BLUE, alpha=0.85)
    axes.invert_yaxis()
    axes.axvline(0.0, color=_GREY, linewidth=0.8)
    axes.set(xlabel=_EFFECT, ylabel=column.label)


def _pair_effect(
    figure: Figure,
    axes: Axes,
    term: Term,
    columns: Sequence[Column],
    limits: Mapping[str, tuple[float, float]],
) -> None:
    sizes = [
        len(column.levels) + 2 if column.kind == "category" else len(cuts) + 3
        for column, cuts in zip(columns, term.cuts, strict=True)
    ]
    inner = np.reshape(term.scores, sizes)[1:-1, 1:-1]
    most = max(float(np.abs(inner).max()), 1e-9)
    x, y = (_axis(c, cuts, limits) for c, cuts in zip(columns, term.cuts, strict=True))
    mesh = axes.pcolormesh(x, y, inner.T, cmap="PuOr_r", norm=TwoSlopeNorm(0, -most, most))
    figure.colorbar(mesh, ax=axes, label=_EFFECT)
    axes.grid(visible=False)
    for axis, column in ((axes.xaxis, columns[0]), (axes.yaxis, columns[1])):
        if column.kind == "category":
            axis.set_ticks(np.arange(len(column.levels)) + 0.5, column.levels)
    if columns[0].kind == "category":
        axes.tick_params(axis="x", rotation=30)
    both = " and ".join(column.name.replace("_", " ") for column in columns)
    axes.set(title=f"{both} together", xlabel=columns[0].label, ylabel=columns[1].label)


def _axis(
    column: Column, cuts: Sequence[float], limits: Mapping[str, tuple[float, float]]
) -> Floats:
    """The edges of a table's entries along one axis, without missing and unknown."""
    if column.kind == "category":
        return np.arange(len(column.levels) + 1, dtype=np.float64)
    low, high = limits.get(column.name, (0.0, 1.0))
    edges: Floats = np.clip(np.array([low, *cuts, high]), low, max(high, low))
    return edges
