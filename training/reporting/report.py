"""The run's report: one page of HTML that needs nothing else to be read."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import matplotlib as mpl
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from training.data.table import describe_rejected
from training.evaluation.metrics import METRICS
from training.evaluation.slices import Slice
from training.reporting import figures
from training.reporting.findings import LIMITS, Findings

_MOST_PAIRS = 6
_SVG = {
    "svg.fonttype": "none",  # text stays text: sharp, searchable, and in the page's own font
    "svg.hashsalt": "churn",  # the same figure always gives the same text
    "font.family": "sans-serif",
}
_HEADLINES = ("auc", "calibration_error", "lift_10", "captured_20")


def report(findings: Findings) -> str:
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
        **_drawn(findings),
    )


def _drawn(findings: Findings) -> dict[str, Any]:
    """The page's figures."""
    money = findings.money
    with figures.any_text():
        return {
            "evaluation_figures": list(_svgs(figures.evaluation_figures(findings.evaluation))),
            "profit_figure": _svg("profit", figures.profit_figure(money)) if money else None,
            "effects": _effects(findings),
            "pairs": list(_svgs(_pairs(findings))),
        }


def _sentence(text: str) -> str:
    words = text.replace("_", " ")
    return words[0].upper() + words[1:]


def _metric(value: float, name: str) -> str:
    if name == "calibration_error" or name.startswith("captured"):
        return f"{value:.1%}"
    return f"{value:.2f}" if name.startswith("lift") else f"{value:.3f}"


def _by_feature(slices: list[Slice]) -> Iterator[tuple[str, list[Slice]]]:
    for feature, group in groupby(slices, key=lambda each: each.feature):
        yield feature, list(group)


def _effects(findings: Findings) -> list[tuple[str, float, Markup]]:
    """Name, importance and figure of each feature, the strongest first."""
    drawn = dict(
        _svgs(
            figures.effect_figures(
                findings.scorecard,
                findings.schema,
                findings.table.customers,
                findings.spread,
            )
        )
    )
    strength = findings.importance
    return [(name, strength[name], drawn[name]) for name in strength if name in drawn]


def _pairs(findings: Findings) -> Iterator[tuple[str, Figure]]:
    """The pairs with the largest effects."""
    limits = {}
    for name, profile in findings.scorecard.profile.features.items():
        if profile.quantiles:
            limits[name] = (profile.quantiles[0], profile.quantiles[-1])
    strength = {
        term.name: float(np.abs(term.scores).max())
        for term in findings.scorecard.terms
        if len(term.features) == 2
    }
    strongest = sorted(strength, key=lambda name: -strength[name])[:_MOST_PAIRS]
    for name, figure in figures.pair_figures(findings.scorecard, findings.schema, limits):
        if name in strongest:
            yield name, figure


def _svgs(drawn: Iterable[tuple[str, Figure]]) -> Iterator[tuple[str, Markup]]:
    for name, figure in drawn:
        yield name, _svg(name, figure)


def _svg(name: str, figure: Figure) -> Markup:
    """The figure as an SVG element whose ids no other figure of the page has."""
    text = io.StringIO()
    settings: Any = {**_SVG, "svg.id": None, "svg.hashsalt": f"churn {name}"}
    with mpl.rc_context({key: value for key, value in settings.items() if key in mpl.rcParams}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return Markup(svg[svg.index("<svg") :])
