"""``monitoring.html``: one self-contained page with everything that was found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from jinja2 import Environment
from markupsafe import Markup

from churn_model.reports.figure_style import plain_text
from churn_model.reports.page import page_environment
from churn_model.reports.svg import svg_element
from monitoring.drift.distances import customary_band
from monitoring.findings import Findings
from monitoring.outputs.figures import (
    MOST_TERMS,
    MOST_WINDOWS,
    bins_figure,
    drift_figure,
    performance_figure,
    timeline_figure,
)
from monitoring.outputs.next_step import headline, next_step
from monitoring.outputs.series import last_with_rows, mean_score, strongest_terms
from monitoring.outputs.words import (
    METRIC_NAMES,
    interval_words,
    length_name,
    other_reasons,
    population_name,
    window_name,
)
from monitoring.results import Cohort, PopulationResult, TermDrift, WindowResult

_MOST_BINS, _MOST_COHORTS = 6, 12


class Tile(NamedTuple):
    """A number that the page shows in large type."""

    name: str
    value: str
    detail: str


class Section(NamedTuple):
    """What the page shows of a population."""

    id: str
    name: str
    result: PopulationResult
    tiles: list[Tile]
    timeline: Markup | None
    drift: Markup | None
    bins: list[Markup]
    terms: list[TermDrift]
    last: WindowResult | None
    performance: Markup | None


def page(findings: Findings) -> str:
    """The page as HTML."""
    with plain_text():
        current = [_section(i, each) for i, each in enumerate(findings.current)]
        others = [_section(i + len(current), each) for i, each in enumerate(findings.others)]
    return (
        _environment()
        .get_template("monitoring.html.j2")
        .render(
            f=findings,
            headline=headline(findings),
            current=current,
            others=others,
            every=length_name(findings.every),
            next_step=next_step(findings),
            metric_names=METRIC_NAMES,
            most_windows=MOST_WINDOWS,
            most_terms=MOST_TERMS,
            most_cohorts=_MOST_COHORTS,
        )
    )


def _environment() -> Environment:
    environment = page_environment("monitoring.outputs")
    environment.filters |= {
        "p_value": _p_value,
    }
    environment.globals |= {
        "window_name": window_name,
        "interval": interval_words,
        "band": customary_band,
        "other_reasons": other_reasons,
    }
    return environment


def _p_value(value: float) -> str:
    if value != value:
        return "\N{EN DASH}"
    return "below 0.0001" if value < 0.0001 else f"{value:.4f}"


def _section(number: int, result: PopulationResult) -> Section:
    name, last = f"p{number}", last_with_rows(result)
    figures: dict[str, Any] = {"timeline": None, "drift": None, "performance": None}
    if result.windows:
        figures["timeline"] = svg_element(f"{name} timeline", timeline_figure(result))
        drawn = drift_figure(result)
        figures["drift"] = drawn and svg_element(f"{name} drift", drawn)
        drawn = performance_figure(result)
        figures["performance"] = drawn and svg_element(f"{name} performance", drawn)
    terms = sorted(last.terms, key=lambda term: -term.movement) if last else []
    return Section(
        id=name,
        name=population_name(result),
        result=result,
        tiles=list(_tiles(result, last)),
        bins=[
            svg_element(f"{name} bins {i}", bins_figure(term))
            for i, term in enumerate(strongest_terms(result, _MOST_BINS))
        ],
        terms=terms[:MOST_TERMS],
        last=last,
        **figures,
    )


def _tiles(result: PopulationResult, last: WindowResult | None) -> Iterator[Tile]:
    if last is not None:
        window = window_name(last.window.start, last.window.end)
        yield Tile("customers in the last window", f"{last.window.counts.scored:,.0f}", window)
        change = f"log-odds {last.shift:+.2f} against the reference"
        yield Tile("mean churn probability", f"{mean_score(last):.1%}", change)
        if "auc" in last.estimates:
            auc = last.estimates["auc"]
            ends = f"95 %: {auc.low:.3f} to {auc.high:.3f}"
            yield Tile("estimated AUC, last window", f"{auc.value:.3f}", ends)
    if result.cohorts:
        yield from _cohort_tile(result.cohorts[-1])


def _cohort_tile(cohort: Cohort) -> Iterator[Tile]:
    if "auc" in cohort.realised:
        auc = cohort.realised["auc"]
        detail = f"95 %: {auc.low:.3f} to {auc.high:.3f}"
        yield Tile("realised AUC, last cohort", f"{auc.value:.3f}", detail)
