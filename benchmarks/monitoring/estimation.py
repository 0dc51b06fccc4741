"""Measures how well the performance before labels agrees with that of the labels.

Chunks of 2,000 customers without drift, with two covariate shifts, and with a changed relation,
which no estimate without labels can see. For each way to estimate: the mean absolute error against
the realised AUC and log loss, and against those of the true probabilities, which have no noise.
Realised values have the noise of 2,000 labels, so even the true probabilities have an error.
NannyML's CBPE estimates the same chunks, if the Python of an environment that has it is given; it
has no log loss.

Usage: python benchmarks/monitoring/estimation.py [--rounds N] [--nannyml PYTHON]. Prints Markdown;
a round takes about a minute.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from simulated import Customers, Model, dearer, draw, newer, print_header, print_row, train
from sklearn.isotonic import IsotonicRegression

from churn_model.arrays import Floats
from churn_model.profile import CellCounts
from churn_model.profile.score_bins import PROBABILITY
from monitoring.estimation import estimate
from monitoring.estimation.expected_metrics import expected_metrics
from monitoring.results import Estimate
from training.evaluation.metrics import log_losses, roc_auc

CHUNK, CHUNKS = 2_000, 25
METRICS = ("auc", "log_loss")
CONDITIONS = {
    "no drift": lambda rows, seed: draw(rows, seed),
    "prices rise by 10 %": lambda rows, seed: draw(rows, seed, dearer),
    "a quarter is new": lambda rows, seed: draw(rows, seed, newer),
    "inverted effect of tenure": lambda rows, seed: draw(rows, seed, inverted=True),
}
OURS, SCORES_ONLY, TRUTH = "this project", "this project, scores only", "true probabilities"
NANNYML = Path(__file__).parent / "libraries" / "nannyml_cbpe.py"

Errors = defaultdict[tuple[str, str, str], list[float]]
Estimates = dict[str, dict[str, Estimate] | dict[str, float]]


@dataclass
class Found:
    """By condition, way to estimate and metric: errors, and whether the interval was right."""

    from_labels: Errors = field(default_factory=lambda: defaultdict(list))
    from_truth: Errors = field(default_factory=lambda: defaultdict(list))
    covered: Errors = field(default_factory=lambda: defaultdict(list))

    def add(self, condition: str, estimates: Estimates, realised: dict[str, float]) -> None:
        """Add a chunk."""
        for way, values in estimates.items():
            for metric in METRICS:
                if metric not in values:
                    continue
                key, estimated = (condition, way, metric), values[metric]
                actual, true = realised[metric], _value(estimates[TRUTH][metric])
                self.from_labels[key].append(abs(_value(estimated) - actual))
                self.from_truth[key].append(abs(_value(estimated) - true))
                if isinstance(estimated, Estimate):
                    self.covered[key].append(estimated.low <= actual <= estimated.high)

    def print(self) -> None:
        """Print the tables."""
        for metric in METRICS:
            title = f"Mean absolute error of the estimated {metric} against the labels"
            print_errors(title, metric, self.from_labels)
            print_covered(metric, self.covered)
            title = f"The same against the {metric} of the true probabilities"
            print_errors(title, metric, self.from_truth)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4, help="models, each with other chunks")
    parser.add_argument("--rows", type=int, default=10_000, help="training rows")
    parser.add_argument("--nannyml", help="a Python with nannyml")
    options = parser.parse_args()
    found = Found()
    for number in range(options.rounds):
        model = train(options.rows, 50 + number)
        for condition, drawn in CONDITIONS.items():
            customers = drawn(CHUNK * CHUNKS, 70_000 + number)
            probability = model.score(customers.table)
            estimates = [all_estimates(model, customers, probability, rows) for rows in chunks()]
            if options.nannyml:
                aucs = nannyml_aucs(options.nannyml, model, probability)
                for each, auc in zip(estimates, aucs, strict=True):
                    each["NannyML's CBPE"] = {"auc": auc}
            for rows, each in zip(chunks(), estimates, strict=True):
                found.add(condition, each, realised_metrics(customers, probability, rows))
    found.print()


def _value(estimated: Estimate | float) -> float:
    return estimated.value if isinstance(estimated, Estimate) else estimated


def chunks() -> list[slice]:
    """The rows of each chunk."""
    return [slice(i * CHUNK, (i + 1) * CHUNK) for i in range(CHUNKS)]


def realised_metrics(customers: Customers, probability: Floats, rows: slice) -> dict[str, float]:
    """What the labels of a chunk say."""
    churned, scores = customers.churned[rows], probability[rows]
    return {"auc": roc_auc(churned, scores), "log_loss": float(log_losses(churned, scores).mean())}


def all_estimates(
    model: Model, customers: Customers, probability: Floats, rows: slice
) -> Estimates:
    """The metrics of a chunk by each way to estimate them."""
    counts = model.count(customers.table.iloc[rows])
    scorecard, profile = model.scorer.scorecard, model.profile
    isotonic = IsotonicRegression(out_of_bounds="clip", y_min=1e-6, y_max=1 - 1e-6)
    isotonic.fit(model.held_out, model.training.churned)
    scores = probability[rows]
    return {
        OURS: estimate(counts, profile, scorecard),
        SCORES_ONLY: estimate(CellCounts(scores=counts.scores), profile, scorecard),
        "uncalibrated scores": {
            name: metric.value
            for name, metric in expected_metrics(counts.scores, counts.scores * PROBABILITY).items()
        },
        "isotonic calibration": with_probabilities(scores, isotonic.predict(scores)),
        TRUTH: with_probabilities(scores, customers.probability[rows]),
    }


def with_probabilities(scores: Floats, churn: Floats) -> dict[str, float]:
    """The expected metrics of scores (n,) if customers churn with these probabilities (n,)."""
    both, labels = np.concatenate([scores, scores]), np.repeat([1, 0], len(scores))
    weights = np.concatenate([churn, 1 - churn])
    loss = float(np.average(log_losses(labels, both), weights=weights))
    return {"auc": roc_auc(labels, both, weights), "log_loss": loss}


def nannyml_aucs(python: str, model: Model, probability: Floats) -> list[float]:
    """The AUC of each chunk, as NannyML estimates it from the held-out scores."""
    with tempfile.TemporaryDirectory() as folder:
        reference = pd.DataFrame({"score": model.held_out, "churned": model.training.churned})
        reference.to_parquet(f"{folder}/reference.parquet")
        pd.DataFrame({"score": probability}).to_parquet(f"{folder}/analysis.parquet")
        done = subprocess.run(
            [python, str(NANNYML), folder, str(CHUNK)], capture_output=True, text=True
        )
    if done.returncode:
        sys.exit(done.stderr[-1000:])
    return [float(line) for line in done.stdout.split()]


def print_errors(title: str, metric: str, errors: Errors) -> None:
    """Print the mean absolute errors."""
    print(f"\n{title}:\n")
    print_header(["estimate", *CONDITIONS])
    for way in dict.fromkeys(way for _, way, _ in errors):
        found = [errors[condition, way, metric] for condition in CONDITIONS]
        if all(found):
            print_row([way, *(f"{np.mean(each):.4f}" for each in found)])


def print_covered(metric: str, covered: Errors) -> None:
    """Print how often the 95 % intervals contain the realised value."""
    for way in (OURS, SCORES_ONLY):
        shares = [np.mean(covered[condition, way, metric]) for condition in CONDITIONS]
        print_row([f"{way}: in the 95 % interval", *(f"{share:.0%}" for share in shares)])


if __name__ == "__main__":
    main()
