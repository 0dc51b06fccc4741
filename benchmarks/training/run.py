"""Measures how accurate training is, and its time and memory as rows grow.

- On simulated customers, whose true probabilities are known: the error of the fitted probabilities,
  the profit at the chosen threshold relative to the best possible, and how often the 95 % intervals
  contain the true value.
- Time and memory of the whole command on 10,000, 100,000 and 1,000,000 rows.
- Time, memory and CPU time from a CSV file without a schema to a registered model, by rows and
  columns; before and after in turn with ``--before FOLDER``, a checkout of an earlier version. How
  far the progress bar's estimate was from the truth. The boosting of scikit-learn and interpret's
  defaults under five-fold cross-validation of the same table.

Usage: python benchmarks/training/run.py [--seeds N] [--most-rows N] [--before FOLDER] [--jobs N]
                                         [--libraries] [--figure FILE] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from speed import HERE, from_csv, measured

from churn_model.offer import Offer
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from training.data.simulator import Simulation, simulate, true_probability
from training.evaluation.economics import economics, profit_curve
from training.evaluation.evaluation import SCORECARD
from training.evaluation.held_out_scores import evaluate
from training.evaluation.metrics import metrics
from training.fitting.fit import fit
from training.fitting.labelled_rows import LabelledRows
from training.fitting.splits import by_folds

OFFER = Offer(cost=20, success=0.3, horizon=12, margin=0.5)
COVERED = ("auc", "average_precision", "log_loss", "brier", "calibration_error", "recall_20")


def rows_of(simulation: Simulation) -> LabelledRows:
    """The simulated customers."""
    return LabelledRows.unweighted(simulation.customers, simulation.churned, CUSTOMER_SCHEMA)


def truth(seeds: int) -> dict[str, float]:
    """Error of the probabilities and share of the best possible profit, averaged over seeds."""
    error, base_rate_error, share = [], [], []
    fresh = simulate(100_000, seed=1_000_000)
    p = fresh.probability
    value = fresh.customers["monthly_charges"].to_numpy() * OFFER.horizon * OFFER.margin
    expected_profit = p * OFFER.success * (value - OFFER.cost) - (1 - p) * OFFER.cost
    best = profit_curve(p, expected_profit, np.ones(len(p)))[1].max()
    for seed in range(seeds):
        s = simulate(seed=seed)
        splits = by_folds(s.churned, folds=5, repeats=1, seed=0)
        evaluation = evaluate(rows_of(s), splits)
        revenue = s.customers["monthly_charges"].to_numpy()
        threshold = economics(OFFER, evaluation.held_out, revenue).threshold
        scorecard = fit(s.customers, s.churned, CUSTOMER_SCHEMA).scorecard
        scores = Scorer(scorecard, CUSTOMER_SCHEMA).score(fresh.customers).probability
        error.append(np.abs(scores - p).mean())
        base_rate_error.append(np.abs(p - s.churned.mean()).mean())
        share.append(expected_profit[scores >= threshold].sum() / len(p) / best)
    return {
        "error": float(np.mean(error)),
        "error_of_the_base_rate": float(np.mean(base_rate_error)),
        "share_of_best_profit": float(np.mean(share)),
        "lowest_share_of_best_profit": float(np.min(share)),
    }


def coverage(seeds: int, rows: int = 1000) -> dict[str, float]:
    """How often (0..1) an interval contains the true metric of the evaluated models."""
    population = simulate(50_000, seed=2_000_000)
    covered = dict.fromkeys(COVERED, 0)
    for seed in range(seeds):
        s = simulate(rows, seed=10_000 + seed)
        splits = by_folds(s.churned, folds=2, repeats=1, seed=0)
        evaluation = evaluate(rows_of(s), splits)
        true = [
            metrics(
                population.churned,
                Scorer(scorecard, CUSTOMER_SCHEMA).score(population.customers).probability,
            )
            for scorecard in (
                fit(s.customers.iloc[a], s.churned[a], CUSTOMER_SCHEMA).scorecard
                for a, _ in splits.pairs
            )
        ]
        for metric in COVERED:
            low, high = evaluation.intervals[SCORECARD][metric]
            covered[metric] += low <= np.mean([each[metric] for each in true]) <= high
    return {metric: float(count) / seeds for metric, count in covered.items()}


def growth(most: int) -> list[dict[str, float]]:
    """Seconds and peak memory (MiB) of ``python -m training`` by rows, in steps of ten."""
    results = []
    rows = 10_000
    while rows <= most:
        with tempfile.TemporaryDirectory() as folder:
            done = measured(HERE, folder, "--rows", str(rows))
        s = simulate(rows)
        begun = time.perf_counter()
        fit(s.customers, s.churned, CUSTOMER_SCHEMA)
        fitted = time.perf_counter() - begun
        results.append({"rows": rows, "fit_seconds": fitted, **done})
        print(results[-1], flush=True)
        rows *= 10
    return results


def draw_effects(path: Path) -> None:
    """Draw the true and the fitted probability by each feature, the others at a typical value."""
    s = simulate(seed=0)
    fitted = Scorer(fit(s.customers, s.churned, CUSTOMER_SCHEMA).scorecard, CUSTOMER_SCHEMA)
    figure = Figure(figsize=(10.5, 3.4), dpi=110, layout="constrained")
    typical = {"age": 47, "tenure": 18, "monthly_charges": 55.0}
    ranges = {
        "age": np.arange(18, 86),
        "tenure": np.arange(0, 97),
        "monthly_charges": np.linspace(20, 125, 211),
    }
    for axes, (name, values) in zip(
        figure.subplots(1, 3, sharey=True), ranges.items(), strict=True
    ):
        columns = {each: np.full(len(values), value) for each, value in typical.items()}
        columns[name] = values
        true = true_probability(columns["age"], columns["tenure"], columns["monthly_charges"])
        total = columns["monthly_charges"] * (columns["tenure"] + 1.0) * 0.95
        rows = {"customer_id": ["x"] * len(values), **columns, "total_charges": total}
        scores = fitted.score({k: np.asarray(v).tolist() for k, v in rows.items()}).probability
        axes.plot(values, true, color="#767676", linewidth=2.5, label="true")
        axes.plot(values, scores, color="#0072B2", linewidth=1.5, label="fitted on 10,000 rows")
        axes.set_xlabel({c.name: c.label for c in CUSTOMER_SCHEMA}[name])
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#E5E5E5")
    figure.axes[0].set(ylabel="churn probability", ylim=(0, None))
    figure.axes[0].legend(frameon=False)
    figure.savefig(path)


def main() -> int:
    """Run everything; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=100, help="seeds for the intervals (default: %(default)s)"
    )
    parser.add_argument(
        "--most-rows",
        type=int,
        default=1_000_000,
        help="rows of the largest table (default: %(default)s)",
    )
    parser.add_argument("--before", type=Path, help="a checkout of an earlier version")
    parser.add_argument("--jobs", type=int, help="processes (default: as churn train)")
    parser.add_argument("--libraries", action="store_true", help="also measure the libraries")
    parser.add_argument("--figure", type=Path, help="file for a figure of true and fitted effects")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    if options.figure:
        draw_effects(options.figure)
    checkouts = {"after": HERE}
    if options.before:
        checkouts = {"before": options.before.resolve(), **checkouts}
    results: dict[str, object] = {
        "from_csv": from_csv(checkouts, options.most_rows, options.jobs, options.libraries),
        "growth": growth(options.most_rows),
    }
    for name, measure, seeds in (
        ("truth", truth, -(-options.seeds // 20)),
        ("coverage", coverage, options.seeds),
    ):
        results[name] = measure(seeds) if seeds else {}
        print(name, results[name], flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
