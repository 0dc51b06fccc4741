"""What training on fewer rows costs: held-out log loss by the number of simulated rows.

All models are scored on the same fresh customers, whose true churn probabilities are known. The
excess over the log loss of the truth is what is left to learn.

    python benchmarks/training/learning_curve.py --rows 10000 100000 1000000 10000000
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from training.data.simulator import Simulation, simulate
from training.evaluation.metrics import log_losses
from training.fitting.fit import fit

_TEST_SEED, _TEST_ROWS = 4242, 500_000


def measure(rows: int, seed: int, test: Simulation) -> tuple[float, float, float, float]:
    """Log loss, its excess over the truth with the excess's standard error, and CPU seconds."""
    training = simulate(rows, seed)
    started = time.process_time()
    fitted = fit(training.customers, training.churned, CUSTOMER_SCHEMA, seed)
    seconds = time.process_time() - started
    probability = Scorer(fitted.scorecard, CUSTOMER_SCHEMA).score(test.customers).probability
    losses = log_losses(test.churned, probability)
    excess = losses - log_losses(test.churned, test.probability)
    error = float(excess.std() / np.sqrt(len(excess)))
    return float(losses.mean()), float(excess.mean()), error, seconds


def main() -> None:
    """Print a table: one line per number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    test = simulate(_TEST_ROWS, _TEST_SEED)
    print("| training rows | log loss | excess over the truth | fit, CPU seconds |")
    print("| --- | --- | --- | --- |")
    for rows in options.rows:
        loss, excess, error, seconds = measure(rows, options.seed, test)
        print(f"| {rows:,} | {loss:.5f} | {excess:.5f} ± {error:.5f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
