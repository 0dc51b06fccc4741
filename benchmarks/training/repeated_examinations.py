"""How often equally good challengers are promoted, and how often a better one is.

Simulated customers with known churn probabilities. The champion's log-odds are the true ones plus
noise. An equal challenger's are the true ones plus other noise of the same size; all of its
customers are the champion's. A better challenger has less noise, so that its true log loss is lower
by 0.01. Twenty equal challengers are examined one after another on one table of 5,000 customers, or
each on a table of its own.

Usage: python benchmarks/training/repeated_examinations.py [--trials N] [--customers N]
    [--examinations N]
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from training.data.customers import CustomersOfRows
from training.data.simulator import simulate
from training.evaluation.comparison import confidence_below_zero
from training.evaluation.metrics import log_losses
from training.promotion.repeated_examinations import required_confidence

_NOISE = 0.5  # standard deviation of the champion's log-odds around the true ones
_GATE = 0.95
_BETTER = 0.01  # true difference in log loss


def expected_loss(truth: np.ndarray, noise: float, seed: int = 0) -> float:
    """The true log loss of noisy log-odds, averaged over the labels."""
    rng = np.random.default_rng(seed)
    p = expit(logit(truth) + noise * rng.normal(size=len(truth)))
    return float(-(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean())


def confidence(churned: np.ndarray, before: np.ndarray, after: np.ndarray) -> float:
    """The confidence that the challenger's log loss is lower, as ``churn promote`` computes it."""
    rises = log_losses(churned, after) - log_losses(churned, before)
    ones = np.ones(len(rises))
    return confidence_below_zero(rises, ones, CustomersOfRows.one_per_row(len(rises)))


def noisy(truth: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Probabilities (n,) whose log-odds are the true ones plus noise."""
    return expit(logit(truth) + noise * rng.normal(size=len(truth)))


def main() -> None:
    """Run the trials and print their results as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--examinations", type=int, default=20)
    options = parser.parse_args()
    pool = simulate(200_000, 1).probability
    target = expected_loss(pool, _NOISE) - _BETTER
    less = float(brentq(lambda noise: expected_loss(pool, noise) - target, 0.0, _NOISE))
    rng = np.random.default_rng(0)
    passed = {"one table": [0, 0], "own tables": [0, 0]}
    power = np.zeros(3, dtype=int)
    for _ in range(options.trials):
        for kind in passed:
            once, spent = False, False
            truth = churned = champion = None
            for number in range(1, options.examinations + 1):
                if truth is None or kind == "own tables":
                    truth = rng.choice(pool, options.customers)
                    churned = (rng.random(len(truth)) < truth).astype(np.int64)
                    champion = noisy(truth, _NOISE, rng)
                reached = confidence(churned, champion, noisy(truth, _NOISE, rng))
                once |= reached >= _GATE
                spent |= reached >= required_confidence(_GATE, number)
            passed[kind][0] += once
            passed[kind][1] += spent
        reached = confidence(churned, champion, noisy(truth, less, rng))
        power += [reached >= required_confidence(_GATE, number) for number in (1, 5, 20)]
    print(
        f"{options.trials:,} trials, {options.customers:,} customers, "
        f"{options.examinations} examinations"
    )
    print("| | 95 % at each examination | level spent over all examinations |")
    print("| --- | --- | --- |")
    for kind, (once, spent) in passed.items():
        print(
            f"| one of {options.examinations} equal challengers passes, {kind} | "
            f"{once / options.trials:.1%} | {spent / options.trials:.1%} |"
        )
    shares = ", ".join(
        f"number {number}: {count / options.trials:.1%}"
        for number, count in zip((1, 5, 20), power, strict=True)
    )
    print(
        f"\na challenger better by {_BETTER} (noise {less:.2f} instead of {_NOISE}) passes at "
        f"{shares}"
    )


if __name__ == "__main__":
    main()
