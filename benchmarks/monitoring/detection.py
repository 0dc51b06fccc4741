"""Measures how many windows it takes to detect known changes.

Windows of an unchanged population are followed by changed ones. For each change and each size of
the windows: the median number of windows until an alarm starts that was not there before (1: in the
first changed window), the share of rounds in which there is one within the changed windows, and
what it names. The relation between features and churn can only be seen with labels: no alarm is
expected, and the estimated log loss is shown next to the realised one.

Usage: python benchmarks/monitoring/detection.py [--rounds N]. Prints Markdown; a round takes less
than a minute.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from simulated import (
    DAY,
    START,
    Customers,
    Model,
    dearer,
    draw,
    newer,
    print_header,
    print_row,
    train,
    window,
)

from churn_model.profile import CellCounts
from monitoring.alarms import load_limits
from monitoring.analysis import Analysis, analyse
from monitoring.results import Alarm
from training.evaluation.metrics import log_losses

TRAINING_ROWS = 10_000
WINDOW_ROWS = (300, 1_000, 10_000)
BEFORE, AFTER = 15, 10
"""The number of windows without and with the change."""


def inverted(rows: int, seed: int) -> Customers:
    """Customers whose tenure has the opposite effect on churn."""
    return draw(rows, seed, inverted=True)


def changed(change: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]) -> Draw:
    """Customers whose features change, and their churn with them."""
    return lambda rows, seed: draw(rows, seed, change)


def recorded(change: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]) -> Draw:
    """The usual customers, recorded wrongly."""

    def drawn(rows: int, seed: int) -> Customers:
        usual = draw(rows, seed)
        return replace(usual, table=change(usual.table, np.random.default_rng([seed, 16])))

    return drawn


def in_cents(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The price in cents instead of euros."""
    return table.assign(monthly_charges=(100 * table["monthly_charges"]).round())


def without_totals(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The total is missing for one customer in five."""
    missing = rng.random(len(table)) < 0.2
    return table.assign(total_charges=table["total_charges"].mask(missing))


def with_new_contract(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """One customer in twenty has a contract that the model does not know."""
    is_new = rng.random(len(table)) < 0.05
    return table.assign(contract=table["contract"].mask(is_new, "three years"))


Draw = Callable[[int, int], Customers]

CHANGES: dict[str, Draw] = {
    "none": draw,
    "prices rise by 10 %": changed(dearer),
    "a quarter of the customers is new": changed(newer),
    "prices in cents": recorded(in_cents),
    "totals missing in 20 %": recorded(without_totals),
    "an unlisted contract in 5 %": recorded(with_new_contract),
    "no rows at all": lambda rows, seed: draw(1, seed).take(slice(0, 0)),
    "the effect of tenure is inverted": inverted,
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="models, each with other windows")
    options = parser.parse_args()
    delays: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    named: defaultdict[str, Counter[str]] = defaultdict(Counter)
    losses: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    examples: dict[str, str] = {}
    attributions = 0.0
    for number in range(options.rounds):
        model = train(TRAINING_ROWS, number)
        for change, drawn in CHANGES.items():
            for rows in WINDOW_ROWS:
                seed = 100_000 * (number + 1) + rows
                after = drawn(rows * AFTER, seed + 1)
                analysis = analysed(model, draw(rows * BEFORE, seed), after, rows)
                first = first_alarms(analysis)
                delays[change, rows].append(delay(first))
                named[change].update({f"{a.kind} {a.subject}".strip() for a in first})
                if first:
                    examples[change] = first[0].message
                attributions = max(attributions, attribution_error(analysis, model))
            losses[change].append(log_loss(model, analysis, after))
    print_delays(delays, named)
    print_losses(losses)
    print(f"\nLargest sum of shifts minus change of the mean log-odds: {attributions:.1e}\n")
    for change, message in examples.items():
        print(f"- {change}: {message}")


def analysed(model: Model, before: Customers, after: Customers, rows: int) -> Analysis:
    """The analysis of windows without and with the change."""
    windows = [
        window(i, model.count(before.table.iloc[i * rows : (i + 1) * rows])) for i in range(BEFORE)
    ]
    for i in range(AFTER):
        part = after.table.iloc[i * rows : (i + 1) * rows]
        windows.append(window(BEFORE + i, model.count(part) if len(part) else CellCounts()))
    return analyse(windows, model.scorer.scorecard, model.profile, load_limits(), DAY)


def first_alarms(analysis: Analysis) -> list[Alarm]:
    """The alarms that start with the change or later, first those that start first."""
    alarms = (*analysis.alarms, *analysis.past_alarms)
    return sorted((a for a in alarms if a.since >= START + BEFORE * DAY), key=shown_in)


def shown_in(alarm: Alarm) -> int:
    """The changed window, from 1, in which an alarm is first raised."""
    repeated = load_limits().drift.windows if alarm.kind in ("drift", "estimated_loss") else 1
    return (alarm.since - START) // DAY - BEFORE + repeated


def delay(alarms: list[Alarm]) -> int:
    """The windows until the first alarm; more than there are if there is none."""
    return shown_in(alarms[0]) if alarms else AFTER + 1


def attribution_error(analysis: Analysis, model: Model) -> float:
    """The largest difference of the terms' shifts from the change of the mean log-odds."""
    scorecard = model.scorer.scorecard
    reference = scorecard.intercept + sum(
        float(cells @ np.array(term.scores) / cells.sum())
        for term, cells in zip(scorecard.terms, model.profile.counts(), strict=True)
    )
    return max(
        (
            abs(sum(term.shift for term in result.terms) - (result.mean_log_odds - reference))
            for result in analysis.windows
            if result.terms
        ),
        default=0.0,
    )


def log_loss(model: Model, analysis: Analysis, after: Customers) -> tuple[float, float]:
    """The estimated and the realised log loss of the changed windows."""
    estimated = [r.estimates["log_loss"].value for r in analysis.windows[BEFORE:] if r.estimates]
    if not estimated:
        return np.nan, np.nan
    losses = log_losses(after.churned, model.score(after.table))
    return float(np.mean(estimated)), float(losses.mean())


def print_delays(delays: dict[tuple[str, int], list[int]], named: dict[str, Counter[str]]) -> None:
    """Print the median delay, and the share of rounds with an alarm."""
    print_header(["change", *(f"windows of {rows:,}" for rows in WINDOW_ROWS), "alarms"])
    for change in CHANGES:
        cells = []
        for rows in WINDOW_ROWS:
            found = delays[change, rows]
            share = np.mean([each <= AFTER for each in found])
            cells.append(f"{np.median(found):g} ({share:.0%})" if share else "no alarm")
        names = ", ".join(name for name, _ in named[change].most_common(4))
        print_row([change, *cells, names or "none"])


def print_losses(losses: dict[str, list[tuple[float, float]]]) -> None:
    """Print the estimated and the realised log loss."""
    print()
    print_header(["change", "estimated log loss", "realised log loss"])
    for change, pairs in losses.items():
        means = np.array(pairs).mean(axis=0)
        if not np.isnan(means).any():
            print_row([change, *(f"{mean:.4f}" for mean in means)])


if __name__ == "__main__":
    main()
