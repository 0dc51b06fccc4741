"""The registered version's description: a model card in Markdown.

Its sections follow Mitchell et al. 2019, "Model cards for model reporting".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from training.data.table import describe_rejected
from training.evaluation.economics import Economics
from training.evaluation.evaluation import SCORECARD
from training.evaluation.metrics import HEADLINES, METRICS
from training.reporting.findings import LIMITATIONS, Findings

MOST = 5000
"""Characters that a registry stores of a description (MLflow's SQL stores)."""

_MOST_ITEMS = 10  # of a list


def model_card(findings: Findings) -> str:
    """The model card, of at most MOST characters; the report has the rest."""
    card = "\n\n".join(_parts(findings)) + "\n"
    if len(card) <= MOST:
        return card
    return card[: MOST - 30].rsplit("\n", 1)[0] + "\n\n... (see report.html)\n"


def _parts(f: Findings) -> Iterator[str]:
    yield f"# Churn model: {f.table.name}"
    yield "**{}** Report: `report.html` of run `{}`.".format(
        "Passes every absolute gate." if f.passed else "Does NOT pass every absolute gate.",
        f.run_id,
    )
    yield _list(f"{'passed' if v.passed else 'FAILED'}: {v.text}" for v in f.gate_results)
    if f.alarms:
        yield "## Leakage alarms\n\n" + _list(
            f"{alarm.text}." + (f" Accepted because: {alarm.accepted}" if alarm.accepted else "")
            for alarm in f.alarms
        )
    yield "## Data\n\n" + _data(f)
    yield f"## Held-out metrics ({f.evaluation.splits})\n\n" + _metrics(f)
    yield _calibration(f)
    yield f.evaluation.baseline_comparison().replace("_", " ")
    yield "## Strongest effects\n\n" + _list(
        f"{name.replace('_', ' ')}: mean absolute effect {effect:.2f} on the log-odds"
        for name, effect in list(f.importance.items())[:_MOST_ITEMS]
    )
    yield _protected(f)
    if f.miscalibrated:
        yield "## Miscalibrated slices\n\n" + _list(
            f"{s.feature} {s.label}: churn rate {s.predicted:.1%} predicted, {s.observed:.1%} "
            f"observed ({s.customers:,} customers)"
            for s in f.miscalibrated[:_MOST_ITEMS]
        )
    if f.campaign:
        yield f"## Campaign\n\n{_campaign(f.campaign)}"
    versions = ", ".join(f"{name} {number}" for name, number in f.versions.items())
    yield f"## Reproduce\n\n`{f.command}`\n\nSeed {f.seed}, digest {f.digest}, {versions}."
    yield "## Limitations\n\n" + _list(LIMITATIONS)


def _data(f: Findings) -> str:
    lines = [f"{f.table.summary()}."]
    dataset = f.table.dataset
    if dataset is not None:
        lines.append(" ".join(part for part in (dataset.description, dataset.source) if part))
        lines += [f"Period: {dataset.period}."] if dataset.period else []
    if f.table.rejected_rows:
        lines.append(f"Rejected: {describe_rejected(f.table)}.")
    return "\n".join(line for line in lines if line)


def _metrics(f: Findings) -> str:
    models = list(f.evaluation.metrics)
    lines = ["| | " + " | ".join(name.replace("_", " ") for name in models) + " |"]
    lines.append("| --- |" + " --- |" * len(models))
    for metric in HEADLINES:
        cells = [f"{f.evaluation.metrics[model][metric]:.4f}" for model in models]
        low, high = f.evaluation.intervals[SCORECARD][metric]
        cells[models.index(SCORECARD)] += f" ({low:.4f} to {high:.4f})"
        lines.append(f"| {METRICS[metric][0]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _campaign(campaign: Economics) -> str:
    chosen, (low, high) = campaign.chosen, campaign.chosen.interval
    who = f"with a risk of {campaign.threshold:.1%} or more"
    if campaign.decide_by == "profit":
        who = "whose own expected profit is above 0"
    text = (
        f"Contacting every customer {who} ({chosen.contacted:.0%} of all) earns "
        f"{chosen.profit:,.2f} per customer (95 % interval {low:,.2f} to {high:,.2f})."
    )
    if campaign.without_revenue:
        text += f" {campaign.without_revenue:,} customers without a known revenue are left out."
    return text


def _calibration(f: Findings) -> str:
    found = f.evaluation.calibration
    parts = (
        ("Churners observed for each one expected", found.ratio, found.ratio_interval),
        ("Calibration slope", found.slope, found.slope_interval),
    )
    return " ".join(
        f"{name}: {value:.2f} ({interval.low:.2f} to {interval.high:.2f})."
        for name, value, interval in parts
        if math.isfinite(value)
    )


def _protected(f: Findings) -> str:
    if not f.protected:
        return "Attributes protected by law: none recognised by name."
    features = ", ".join(f"{name} ({attribute})" for name, attribute in f.protected.items())
    return f"Attributes protected by law: {features}; the report shows the metrics of each group."


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
