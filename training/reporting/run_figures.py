"""All figures of a run, drawn once, for the report (as SVG) and for MLflow (as PNG)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from churn_model.reports.figure_style import plain_text
from training.evaluation.evaluation import Evaluation
from training.reporting.effect_figures import effect_figures, pair_figures
from training.reporting.evaluation_figures import (
    evaluation_figures,
    over_time_figure,
    profit_figure,
)
from training.reporting.feature_summary import feature_summary
from training.reporting.findings import Findings

_MOST_PAIRS = 6


@dataclass(frozen=True)
class RunFigures:
    """Figures by name: of the evaluation, of each feature's effect, of the strongest pairs.

    ``over_time``: of the held-out periods, None unless the rows were split by date.
    """

    evaluation: dict[str, Figure]
    effects: dict[str, Figure]
    pairs: dict[str, Figure]
    profit: Figure | None
    over_time: Figure | None = None


def draw_figures(findings: Findings) -> RunFigures:
    """Draw the figures of a run."""
    with plain_text():
        effects = effect_figures(
            findings.scorecard,
            findings.schema,
            findings.table.customers,
            findings.standard_deviations,
        )
        return RunFigures(
            evaluation=dict(evaluation_figures(findings.evaluation)),
            effects=dict(effects),
            pairs=dict(_strongest_pairs(findings)),
            profit=None if findings.campaign is None else profit_figure(findings.campaign),
            over_time=_over_time(findings.evaluation),
        )


def _over_time(evaluation: Evaluation) -> Figure | None:
    return over_time_figure(evaluation.over_time) if evaluation.over_time else None


def _strongest_pairs(findings: Findings) -> Iterator[tuple[str, Figure]]:
    """The pairs with the largest effects."""
    summaries = {
        column.name: feature_summary(column, findings.table.customers[column.name])
        for column in findings.schema.features
    }
    limits = {name: each.limits for name, each in summaries.items() if each.limits is not None}
    largest = {
        term.name: float(np.abs(term.scores).max())
        for term in findings.scorecard.terms
        if len(term.features) == 2
    }
    strongest = sorted(largest, key=lambda name: -largest[name])[:_MOST_PAIRS]
    for name, figure in pair_figures(findings.scorecard, findings.schema, limits):
        if name in strongest:
            yield name, figure
