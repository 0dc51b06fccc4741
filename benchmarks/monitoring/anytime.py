"""How often the tests of the realised loss reject, with and without a change.

Streams of monthly cohorts are drawn from known churn probabilities, and each stream is tested after
its last month. Because the tests hold at all times, a stream counts as rejected if any of its
customers crossed the limit, which is what a team sees who looks every day.

    python benchmarks/monitoring/anytime.py --streams 400

Prints one line per kind of stream: the share of streams that each test rejects, and the median
number of months from the change to the rejection.
"""

from __future__ import annotations

import argparse
from bisect import bisect_left
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from typing import Any

import numpy as np

from churn_model.arrays import Floats, sigmoid
from churn_model.profile import MonitoringProfile
from churn_model.profile.monitoring_profile import ScoreProfile
from churn_model.profile.score_bins import count_scores
from monitoring.alarms.limits import LabelLimits, load_limits
from monitoring.estimation.calibration_map import fit_calibration
from monitoring.labels.matched import Matched
from monitoring.realised.loss_test import loss_test, recalibrated_loss_test

MONTHS, CHANGE = 24, 12
HELD_OUT = 10_000

Truth = Callable[[Floats, int], Floats]
"""True log-odds of customers, given the predicted ones (n,) and the month."""

STREAMS: dict[str, Truth] = {
    "no change": lambda predicted, month: predicted,
    "other customers (riskier by 1 in log-odds)": lambda predicted, month: predicted,
    "seasonal churn rate (+-0.3 in log-odds)": lambda predicted, month: (
        predicted + 0.3 * np.sin(2 * np.pi * month / 12)
    ),
    "churn rate up by 0.5 in log-odds": lambda predicted, month: (
        predicted + 0.5 * (month >= CHANGE)
    ),
    "slope 0.6 (weaker relation)": lambda predicted, month: np.where(
        month >= CHANGE, -0.5 + 0.6 * predicted, predicted
    ),
    "slope 0.3 (much weaker relation)": lambda predicted, month: np.where(
        month >= CHANGE, -0.9 + 0.3 * predicted, predicted
    ),
}


def predicted_log_odds(rng: Any, n: int, shift: float = 0.0) -> Floats:
    """The scores of customers, as spread out as those of a good churn model."""
    drawn: Floats = rng.normal(-1.4 + shift, 1.4, n)
    return drawn


def held_out(rng: Any) -> MonitoringProfile:
    """The profile of a calibrated version, with only its scores."""
    log_odds = predicted_log_odds(rng, HELD_OUT)
    probability = sigmoid(log_odds)
    churned = (rng.random(HELD_OUT) < probability).astype(float)
    return MonitoringProfile(
        rows=HELD_OUT,
        customers=HELD_OUT,
        held_out_customers=HELD_OUT,
        rejected=0.0,
        missing={},
        unlisted={},
        terms=[],
        scores=ScoreProfile(
            rows=count_scores(probability).tolist(),
            churners=count_scores(probability, churned).tolist(),
        ),
    )


def stream(rng: Any, truth: Truth, n: int, shift: float) -> Matched:
    """A stream of MONTHS cohorts of n customers."""
    months = np.repeat(np.arange(MONTHS), n)
    log_odds = predicted_log_odds(rng, len(months))
    log_odds = log_odds + shift * (months >= CHANGE)
    true = np.concatenate([truth(log_odds[months == month], month) for month in range(MONTHS)])
    churned = (rng.random(len(months)) < sigmoid(true)).astype(np.int64)
    days = (np.datetime64("2024-01") + months).astype("datetime64[D]")
    everyone = np.arange(len(months))
    ones = np.ones(len(months))
    probability = sigmoid(log_odds)
    return Matched(
        everyone, everyone, days, churned, probability, ones, months, timedelta(days=30), 0, 1.0
    )


def months_to_rejection(matched: Matched, test: Any, limits: LabelLimits, profile: Any) -> int:
    """The first month after whose customers the test rejects, MONTHS if it never does."""
    calibration = fit_calibration(profile)

    def rejects(month: int) -> bool:
        known = matched.take(matched.cohort <= month)
        return bool(test(known, calibration, tolerance=limits.brier, error=limits.error).is_worse)

    if not rejects(MONTHS - 1):
        return MONTHS
    return bisect_left(range(MONTHS), True, key=rejects)  # once rejected, always rejected


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=400)
    parser.add_argument("--customers", type=int, default=1000, help="per month (%(default)s)")
    parser.add_argument("--tolerance", type=float, help="in place of the one in the limits")
    options = parser.parse_args()
    limits = load_limits().labels
    if options.tolerance is not None:
        limits = limits.model_copy(update={"brier": options.tolerance})
    print(f"tolerance {limits.brier}, error {limits.error}, {options.customers} customers a month")
    for name, truth in STREAMS.items():
        for title, test in (("loss", loss_test), ("recalibrated", recalibrated_loss_test)):
            rng = np.random.default_rng(0)
            found = []
            for _ in range(options.streams):
                profile = held_out(rng)
                shift = 1.0 if name.startswith("other") else 0.0
                matched = stream(rng, truth, options.customers, shift)
                found.append(months_to_rejection(matched, test, limits, profile))
            rejected = [month for month in found if month < MONTHS]
            delay = f", median month {median(rejected) - CHANGE + 1:+.0f}" if rejected else ""
            share = len(rejected) / options.streams
            print(f"| {name} | {title} | {share:.3f}{delay} |", flush=True)


if __name__ == "__main__":
    main()
