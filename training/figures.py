"""The figures of a run: how well it ranks, how well it is calibrated, what each feature does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from churn_model.schema import Column, RecordSchema
from churn_model.scorecard import FeatureProfile, Scorecard, Term
from training.evaluation import Evaluation

# Okabe and Ito's colours, which colour-blind people can tell apart, and a line style besides
_STYLES = [("#0072B2", "-"), ("#E69F00", "--"), ("#009E73", "-."), ("#CC79A7", ":")]
_GREY = "#8A8A8A"
_EFFECT = "effect on the risk (log-odds)"
_WIDTH, _HEIGHT = 6.4, 4.8  # inches, at 120 dots an inch


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


def effect_figures(card: Scorecard, schema: RecordSchema) -> Iterator[tuple[str, Figure]]:
    """One figure a feature: its own effect on the log-odds, and where the customers are."""
    terms = {term.features[0]: term for term in card.terms if len(term.features) == 1}
    for column in schema.features:
        if column.name in terms:
            figure, axes = _figure()
            profile = card.profile.features.get(column.name, FeatureProfile(missing=0.0))
            draw = _category_effect if column.kind == "category" else _number_effect
            draw(axes, column, terms[column.name], profile)
            axes.set(title=f"Effect of {column.name.replace('_', ' ')}")
            yield column.name, figure


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E5E5E5", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _lines(evaluation: Evaluation) -> Iterator[tuple[str, npt.NDArray[np.float64], dict[str, Any]]]:
    for (name, probability), (colour, style) in zip(
        evaluation.probabilities.items(), _STYLES, strict=False
    ):
        yield name, probability, {"color": colour, "linestyle": style, "linewidth": 1.8}


def _words(name: str, evaluation: Evaluation, metric: str, text: str) -> str:
    return f"{name.replace('_', ' ')} ({text} {evaluation.metrics[name][metric]:.3f})"


def _roc(axes: Axes, evaluation: Evaluation) -> None:
    for name, probability, style in _lines(evaluation):
        false, true, _ = roc_curve(evaluation.churned, probability)
        axes.plot(false, true, label=_words(name, evaluation, "auc", "AUC"), **style)
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8)
    _shares(axes)
    axes.set(
        title="ROC, out of fold", xlabel="kept customers called at risk", ylabel="churners found"
    )
    axes.legend(loc="lower right", frameon=False)


def _precision_recall(axes: Axes, evaluation: Evaluation) -> None:
    for name, probability, style in _lines(evaluation):
        precision, recall, _ = precision_recall_curve(evaluation.churned, probability)
        label = _words(name, evaluation, "average_precision", "average")
        axes.plot(recall, precision, label=label, **style)
    rate = float(evaluation.churned.mean())
    axes.axhline(rate, color=_GREY, linewidth=0.8, label=f"everybody ({rate:.3f})")
    _shares(axes)
    axes.set(
        title="Precision and recall, out of fold",
        xlabel="churners found (recall)",
        ylabel="churners among those called at risk (precision)",
    )
    axes.legend(loc="upper right", frameon=False)


def _calibration(axes: Axes, evaluation: Evaluation) -> None:
    for name, probability, style in _lines(evaluation):
        seen, predicted = calibration_curve(
            evaluation.churned, probability, n_bins=10, strategy="quantile"
        )
        label = _words(name, evaluation, "calibration_error", "error")
        axes.plot(predicted, seen, marker="o", markersize=4, label=label, **style)
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8)
    top = max(float(np.quantile(p, 0.98)) for p in evaluation.probabilities.values())
    axes.set(xlim=(0, min(1.0, 1.1 * top)), ylim=(0, min(1.0, 1.1 * top)))
    _percent(axes)
    axes.set(
        title="Calibration, out of fold, ten groups of equal size",
        xlabel="churn predicted",
        ylabel="churn seen",
    )
    axes.legend(loc="upper left", frameon=False)


def _gains(axes: Axes, evaluation: Evaluation) -> None:
    n = len(evaluation.churned)
    contacted = np.arange(n + 1) / n
    for name, probability, style in _lines(evaluation):
        order = np.argsort(-probability, kind="stable")
        found = np.concatenate([[0.0], np.cumsum(evaluation.churned[order])])
        label = _words(name, evaluation, "lift_10", "lift at 10 %:")
        axes.plot(contacted, found / found[-1], label=label, **style)
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8)
    _shares(axes)
    axes.set(
        title="Gains, out of fold",
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


def _number_effect(axes: Axes, column: Column, term: Term, profile: FeatureProfile) -> None:
    """A step for each bin between the cuts, marks below at every 5 % of the customers."""
    cuts, scores = term.cuts[0], term.scores
    quantiles = profile.quantiles or ([cuts[0], cuts[-1]] if cuts else [0.0, 1.0])
    low, high = min(quantiles), max(quantiles)
    pad = 0.02 * (high - low) or 0.5
    edges = np.clip([low - pad, *cuts, high + pad], low - pad, high + pad)
    axes.stairs(scores[1:-1], edges, color=_STYLES[0][0], linewidth=1.8, baseline=None)
    axes.plot(
        quantiles,
        np.zeros(len(quantiles)) + 0.015,
        "|",
        transform=axes.get_xaxis_transform(),
        color=_GREY,
        markersize=9,
        label="each mark: 5 % of the customers",
    )
    if profile.missing:
        axes.plot([], [], " ", label=f"missing ({profile.missing:.1%}): {scores[0]:+.2f}")
    axes.axhline(0.0, color=_GREY, linewidth=0.8, zorder=0)
    axes.set(xlabel=column.label, ylabel=_EFFECT, xlim=(low - pad, high + pad))
    axes.legend(loc="best", frameon=False)


def _category_effect(axes: Axes, column: Column, term: Term, profile: FeatureProfile) -> None:
    names = [f"{c} ({profile.shares.get(c, 0.0):.0%})" for c in column.choices]
    names.append(f"missing ({profile.missing:.0%})")
    axes.barh(names, [*term.scores[1:-1], term.scores[0]], color=_STYLES[0][0])
    axes.invert_yaxis()
    axes.axvline(0.0, color=_GREY, linewidth=0.8)
    axes.set(xlabel=_EFFECT, ylabel=column.label)
