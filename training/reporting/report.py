"""The run's report: one page of HTML that needs nothing else to be read."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import matplotlib as mpl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from training.data.table import describe_rejected
from training.evaluation.metrics import METRICS
from training.evaluation.slices import Slice
from training.reporting.figures import any_text
from training.reporting.findings import LIMITS, Findings
from training.reporting.run_figures import RunFigures

_SVG = {
    "svg.fonttype": "none",  # text stays text: sharp, searchable, and in the page's own font
    "svg.hashsalt": "churn",  # the same figure always gives the same text
    "font.family": "sans-serif",
}
_HEADLINES = ("auc", "calibration_error", "lift_10", "recall_20")


def report(findings: Findings, drawn: RunFigures) -> str:
    """The page as HTML."""
    environment = Environment(
        loader=PackageLoader("training.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["metric"] = _metric
    environment.filters["words"] = lambda name: name.replace("_", " ")
    has_rejected = len(findings.table.rejected) > 0
    return environment.get_template("report.html.j2").render(
        f=findings,
        metrics=METRICS,
        headlines=_HEADLINES,
        limits=LIMITS,
        verdict=_sentence(findings.evaluation.verdict()),
        rejected=describe_rejected(findings.table).split("; ") if has_rejected else [],
        groups=list(_by_feature(findings.slices)),
        **_figures(findings, drawn),
    )


def _figures(findings: Findings, drawn: RunFigures) -> dict[str, Any]:
    """The page's figures."""
    with any_text():
        return {
            "evaluation_figures": list(_svgs(drawn.evaluation)),
            "profit_figure": _svg("profit", drawn.profit) if drawn.profit else None,
            "effects": _effects(findings, drawn),
            "pairs": list(_svgs(drawn.pairs)),
        }


def _sentence(text: str) -> str:
    words = text.replace("_", " ")
    return words[0].upper() + words[1:]


def _metric(value: float, name: str) -> str:
    if name == "calibration_error" or name.startswith("recall"):
        return f"{value:.1%}"
    return f"{value:.2f}" if name.startswith("lift") else f"{value:.3f}"


def _by_feature(slices: list[Slice]) -> Iterator[tuple[str, list[Slice]]]:
    for feature, group in groupby(slices, key=lambda each: each.feature):
        yield feature, list(group)


def _effects(findings: Findings, drawn: RunFigures) -> list[tuple[str, float, Markup]]:
    """Name, importance and figure of each feature, the strongest first."""
    figures = dict(_svgs(drawn.effects))
    strength = findings.importance
    return [(name, strength[name], figures[name]) for name in strength if name in figures]


def _svgs(figures: Mapping[str, Figure]) -> Iterator[tuple[str, Markup]]:
    for name, figure in figures.items():
        yield name, _svg(name, figure)


def _svg(name: str, figure: Figure) -> Markup:
    """The figure as an SVG element whose ids no other figure of the page has."""
    text = io.StringIO()
    settings: Any = {**_SVG, "svg.id": None, "svg.hashsalt": f"churn {name}"}
    with mpl.rc_context({key: value for key, value in settings.items() if key in mpl.rcParams}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return Markup(svg[svg.index("<svg") :])
