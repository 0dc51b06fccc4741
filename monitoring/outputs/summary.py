"""What ``churn monitor`` prints: verdict, alarms, the last windows, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from monitoring.findings import Findings
from monitoring.outputs.files import PAGE
from monitoring.outputs.next_step import headline, next_step, training_command
from monitoring.outputs.series import mean_score, rejected_share
from monitoring.outputs.words import (
    MISSING,
    interval_words,
    other_reasons,
    population_name,
    window_name,
)
from monitoring.plural import plural
from monitoring.results import PopulationResult, WindowResult

_WINDOWS = 5
_HEADER = ("window", "customers", "mean score", "rejected", "shift", "estimated AUC")


def summary(findings: Findings, output: Path) -> str:
    """The lines to print."""
    return "\n".join(_lines(findings, output))


def _lines(findings: Findings, output: Path) -> Iterator[str]:
    yield f"{findings.model_name}, version {findings.version}: {headline(findings)}"
    for result, alarm in findings.alarms:
        subject = f" {alarm.subject}" if alarm.subject else ""
        kind = alarm.kind.replace("_", " ")
        yield f"ALARM ({result.population.source}): {kind}{subject}: {alarm.message}"
    for result in findings.current:
        yield ""
        yield from _population(result)
    for result in findings.others:
        alarms = f", {plural(len(result.alarms), 'alarm')}" if result.alarms else ""
        yield f"{population_name(result)}: {result.verdict}{alarms}; it is another version"
    yield from (f"note: {note}" for note in findings.notes)
    yield ""
    yield f"page: {output / PAGE}"
    if training_command(findings):
        yield f"to train on the labelled table: {training_command(findings)}"
    yield f"next: {next_step(findings)}"


def _population(result: PopulationResult) -> Iterator[str]:
    yield f"{population_name(result)}, compared with {result.reference}"
    yield from _table([_HEADER, *map(_row, result.windows[-_WINDOWS:])])
    if result.cohorts:
        cohort = result.cohorts[-1]
        name = window_name(cohort.start, cohort.end)
        yield f"last cohort with labels, {name}: {cohort.customers:,} customers"
        for metric in ("auc", "log_loss", "calibration"):
            if metric in cohort.realised:
                realised = interval_words(metric, cohort.realised[metric])
                expected = ""
                if metric in cohort.estimated:
                    expected = f", estimated {interval_words(metric, cohort.estimated[metric])}"
                yield f"  {metric.replace('_', ' ')}: {realised}{expected}"
    yield from (f"- {reason}" for reason in other_reasons(result))


def _row(result: WindowResult) -> tuple[str, ...]:
    window = result.window
    auc = result.estimates.get("auc")
    return (
        window_name(window.start, window.end),
        f"{window.counts.scored:,.0f}",
        _number(mean_score(result), ".1%"),
        _number(rejected_share(result), ".1%"),
        _number(result.shift, "+.2f"),
        MISSING if auc is None else _number(auc.value, ".3f"),
    )


def _number(value: float, form: str) -> str:
    return MISSING if value != value else format(value, form)


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (cell.rjust(w) for cell, w in zip(row, widths, strict=True))
        yield "  ".join([first.strip().ljust(widths[0]), *others])
