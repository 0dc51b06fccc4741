"""All figures of a run, drawn once as SVG for the report and as PNG for MLflow.

Worker processes draw them, and import neither MLflow nor the findings.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from churn_model.reports.figure_style import plain_text
from churn_model.reports.svg import svg_element
from churn_model.schema import RecordSchema
from churn_model.scoring.scorecard import Scorecard
from training.evaluation.economics import Economics
from training.evaluation.evaluation import Evaluation
from training.reporting.effect_figures import effect_figures, pair_figures
from training.reporting.evaluation_figures import (
    evaluation_figures,
    over_time_figure,
    profit_figure,
)
from training.reporting.feature_summary import feature_summary

_MOST_PAIRS = 6
PROFIT, OVER_TIME = "profit", "over_time"


class Drawing(NamedTuple):
    """A figure as an SVG element and as a PNG file."""

    svg: Markup
    png: bytes


Drawings = dict[str, Drawing]
"""Figures by name."""


@dataclass(frozen=True)
class RunFigures:
    """Figures of the evaluation, of each feature's effect, and of the strongest pairs.

    The evaluation has PROFIT if there is a campaign, and OVER_TIME if the rows were split by date.
    """

    evaluation: Drawings
    effects: Drawings
    pairs: Drawings


def draw_evaluation(evaluation: Evaluation, campaign: Economics | None) -> Drawings:
    """Draw the curves of the models, the campaign's profit, and the metrics over time."""
    with plain_text():
        drawings = _draw(evaluation_figures(evaluation))
        if campaign is not None:
            drawings |= _draw([(PROFIT, profit_figure(campaign))])
        if evaluation.over_time:
            drawings |= _draw([(OVER_TIME, over_time_figure(evaluation.over_time))])
        return drawings


def draw_effects(
    scorecard: Scorecard,
    schema: RecordSchema,
    customers: pd.DataFrame,
    standard_deviations: Sequence[Sequence[float]],
) -> Drawings:
    """Draw the effect of each of the schema's features."""
    with plain_text():
        return _draw(effect_figures(scorecard, schema, customers, standard_deviations))


def draw_pairs(scorecard: Scorecard, schema: RecordSchema, customers: pd.DataFrame) -> Drawings:
    """Draw the pairs with the largest effects."""
    pairs = [term for term in scorecard.terms if len(term.features) == 2]
    strongest = sorted(pairs, key=lambda term: -np.abs(term.scores).max())[:_MOST_PAIRS]
    names = {name for term in strongest for name in term.features}
    limits = {
        column.name: summary.limits
        for column in schema.features
        if column.name in names
        and (summary := feature_summary(column, customers[column.name])).limits is not None
    }
    drawn = [term for term in pairs if term in strongest]
    with plain_text():
        return _draw(pair_figures(scorecard, schema, limits, drawn))


def _draw(figures: Iterable[tuple[str, Figure]]) -> Drawings:
    return {name: Drawing(svg_element(name, figure), _png(figure)) for name, figure in figures}


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
