"""The figures of a run, drawn in one process."""

from __future__ import annotations

from training.reporting.findings import Findings
from training.reporting.run_figures import RunFigures, draw_effects, draw_evaluation, draw_pairs


def draw_figures(findings: Findings) -> RunFigures:
    """Draw the figures of a run."""
    scorecard, schema, customers = findings.scorecard, findings.schema, findings.table.customers
    return RunFigures(
        draw_evaluation(findings.evaluation, findings.campaign),
        draw_effects(scorecard, schema, customers, findings.standard_deviations),
        draw_pairs(scorecard, schema, customers),
    )
