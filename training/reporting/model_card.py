"""The registered version's description: a model card in Markdown.

Its parts follow Mitchell et al. 2019, "Model cards for model reporting".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from training.data.table import describe_rejected
from training.evaluation.evaluation import SCORECARD
from training.evaluation.metrics import HEADLINES, METRICS
from training.reporting.findings import LIMITS, Findings

MOST = 5000
"""Characters that a registry keeps of a description (MLflow's SQL stores)."""

_STRONGEST = 10


def model_card(findings: Findings) -> str:
    """The scorecard, of at most MOST characters; the report has what does not fit."""
    scorecard = "\n\n".join(_parts(findings)) + "\n"
    if len(scorecard) <= MOST:
        return scorecard
    return scorecard[: MOST - 30].rsplit("\n", 1)[0] + "\n\n... (see report.html)\n"


def _parts(f: Findings) -> Iterator[str]:
    yield f"# Churn model: {f.table.name}"
    yield "**{}** Report: `report.html` of run `{}`.".format(
        "Passes every absolute gate." if f.passed else "Does NOT pass every absolute gate.",
        f.run_id,
    )
    yield _list(f"{'passed' if v.passed else 'FAILED'}: {v.text}" for v in f.gate_results)
    if f.alarms:
        yield "## Alarms\n\n" + _list(alarm.text for alarm in f.alarms)
    yield "## Data\n\n" + _data(f)
    yield f"## Held out ({f.evaluation.splits})\n\n" + _table(f)
    yield f"{f.evaluation.verdict()}.".replace("_", " ")
    yield "## Strongest effects\n\n" + _list(
        f"{name.replace('_', ' ')}: moves the log-odds by {strength:.2f} on average"
        for name, strength in list(f.importance.items())[:_STRONGEST]
    )
    if f.off:
        yield "## Groups predicted wrongly by more than chance\n\n" + _list(
            f"{s.feature} {s.label}: {s.predicted:.1%} predicted, {s.seen:.1%} seen "
            f"({s.customers:,} customers)"
            for s in f.off[:_STRONGEST]
        )
    if f.campaign:
        best = f.campaign.best
        yield (
            f"## Campaign\n\nContacting everybody from a risk of {f.campaign.threshold:.1%} "
            f"({best.contacted:.0%} of the customers) earns {best.profit:,.2f} a customer."
        )
    versions = ", ".join(f"{name} {number}" for name, number in f.versions.items())
    yield f"## Reproduce\n\n`{f.command}`\n\nSeed {f.seed}, digest {f.digest}, {versions}."
    yield "## Limits\n\n" + _list(LIMITS)


def _data(f: Findings) -> str:
    lines = [f"{f.table.summary()}."]
    about = f.table.dataset
    if about is not None:
        lines.append(" ".join(part for part in (about.description, about.source) if part))
        lines += [f"Period: {about.period}."] if about.period else []
    if f.table.rejected_rows:
        lines.append(f"Rejected: {describe_rejected(f.table)}.")
    return "\n".join(line for line in lines if line)


def _table(f: Findings) -> str:
    models = list(f.evaluation.metrics)
    lines = ["| | " + " | ".join(name.replace("_", " ") for name in models) + " |"]
    lines.append("| --- |" + " --- |" * len(models))
    for metric in HEADLINES:
        cells = [f"{f.evaluation.metrics[model][metric]:.4f}" for model in models]
        low, high = f.evaluation.intervals[SCORECARD][metric]
        cells[models.index(SCORECARD)] += f" ({low:.4f} to {high:.4f})"
        lines.append(f"| {METRICS[metric][0]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
