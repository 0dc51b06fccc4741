"""A run's report: one self-contained HTML page."""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

from jinja2 import Environment
from markupsafe import Markup

from churn_model.reports.page import page_environment
from training.data.table import describe_rejected
from training.evaluation.metrics import HEADLINES, METRICS
from training.evaluation.slices import Slice
from training.reporting.findings import LIMITATIONS, Findings
from training.reporting.run_figures import OVER_TIME, PROFIT, RunFigures


class ProtectedFeature(NamedTuple):
    """A feature that looks like an attribute protected by law, and how its groups fare."""

    name: str
    attribute: str
    importance: float
    slices: list[Slice]


def report(findings: Findings, figures: RunFigures) -> str:
    """The page as HTML."""
    protected = _protected_features(findings)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            f=findings,
            metrics=METRICS,
            headlines=HEADLINES,
            limitations=LIMITATIONS,
            baseline_comparison=findings.evaluation.baseline_comparison(),
            rejected=describe_rejected(findings.table).split("; ")
            if len(findings.table.rejected)
            else [],
            groups=_by_feature(findings.slices),
            protected=protected,
            audited={name: _by_feature(findings.slices)[name] for name in findings.audited},
            exclude=_exclude_options(findings, protected),
            **_svg_figures(findings, figures),
        )
    )


def _environment() -> Environment:
    environment = page_environment("training.reporting")
    environment.filters["metric"] = _metric
    return environment


def _metric(value: float, name: str) -> str:
    if name == "calibration_error" or name.startswith("recall"):
        return f"{value:.1%}"
    return f"{value:.2f}" if name.startswith("lift") else f"{value:.3f}"


def _by_feature(slices: list[Slice]) -> dict[str, list[Slice]]:
    return {name: list(each) for name, each in groupby(slices, key=lambda each: each.feature)}


def _protected_features(findings: Findings) -> list[ProtectedFeature]:
    """The features that look like protected attributes, the strongest first."""
    protected, slices = findings.protected, _by_feature(findings.slices)
    return [
        ProtectedFeature(name, protected[name], importance, slices[name])
        for name, importance in findings.importance.items()
        if name in protected
    ]


def _exclude_options(findings: Findings, protected: list[ProtectedFeature]) -> list[str]:
    """The options that leave these features out; none for simulated customers."""
    if findings.table.dataset is None:
        return []
    columns = [findings.table.dataset.columns.get(each.name, each.name) for each in protected]
    return [f'--exclude "{column}"' for column in columns]


def _svg_figures(findings: Findings, figures: RunFigures) -> dict[str, Any]:
    svgs = {name: drawing.svg for name, drawing in figures.evaluation.items()}
    return {
        "profit_figure": svgs.pop(PROFIT, None),
        "over_time_figure": svgs.pop(OVER_TIME, None),
        "evaluation_figures": list(svgs.items()),
        "effects": _effects(findings, figures),
        "pairs": [(name, drawing.svg) for name, drawing in figures.pairs.items()],
    }


def _effects(findings: Findings, figures: RunFigures) -> list[tuple[str, float, Markup]]:
    """Name, importance and figure of each feature, the strongest first."""
    drawn = figures.effects
    sizes = findings.importance
    return [(name, size, drawn[name].svg) for name, size in sizes.items() if name in drawn]
