"""Measures how far alarms, gates and intervals can be trusted, on tables whose truth is known.

- Leakage alarms: the share of honest tables that raise one, and the share of leaks that are found.
- Calibration gates: the share of perfect models that pass, and of models that predict three times
  too much.
- Intervals: how often they contain the true AUC if customers have several rows.

Usage: python benchmarks/training/trust.py [--repeat N]. Prints Markdown; takes about ten minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable

import numpy as np
from scipy.special import expit, logit
from trust_tables import LEAKS, KnownTable, honest

from training.evaluation.alarms import alarms
from training.evaluation.calibration import calibration
from training.evaluation.evaluation import SCORECARD, HeldOut, summarise
from training.evaluation.gates import check_gates, failed_gates, load_gates
from training.evaluation.metrics import roc_auc

RATES = (0.01, 0.05, 0.2, 0.5)
TABLES = {2_000: 20, 20_000: 8, 200_000: 2}
"""Rows of a table, and the number of tables for each churn rate."""
STRENGTHS = {"usual features (AUC 0.81)": 1.0, "strong features (AUC 0.93)": 2.0}
CALIBRATION = ("calibration_error", "observed_expected", "calibration_slope")
ROWS_OF_A_CUSTOMER = 6


def alarm_table(repeat: int) -> None:
    """Print the shares of tables that raise an alarm, by rows and churn rate."""
    print_row(["table", "churn rate", *(f"{rows:,} rows" for rows in TABLES)])
    print_row(["---"] * (2 + len(TABLES)))
    for name, strength in STRENGTHS.items():
        for rate in RATES:
            shares = [alarming(rows, rate, strength, n * repeat) for rows, n in TABLES.items()]
            print_row([f"honest, {name}", f"{rate:.0%}", *shares])
    for name, leak in LEAKS.items():
        for rate in RATES:
            shares = []
            for rows, tables in TABLES.items():
                seeds = range(max(1, tables * repeat // 2))
                found = [raises(leak(honest(rows, rate, seed=seed), seed)) for seed in seeds]
                shares.append(share(found))
            print_row([f"leak: {name}", f"{rate:.0%}", *shares])


def alarming(rows: int, rate: float, strength: float, tables: int) -> str:
    """The share of honest tables that raise an alarm."""
    return share([raises(honest(rows, rate, strength, seed)) for seed in range(tables)])


def raises(table: KnownTable) -> bool:
    """Whether a table raises an alarm."""
    return bool(alarms(table.customers, table.churned, table.schema, table.customers_of_rows))


def gate_table(repeat: int) -> None:
    """Print the shares of models that pass the calibration gates."""
    limits = {name: load_gates().absolute[name] for name in CALIBRATION}
    sizes = (300, 1_000, 10_000)
    print_row(["model", "churn rate", *(f"{rows:,} customers" for rows in sizes)])
    print_row(["---"] * (2 + len(sizes)))
    for name, factor in (("perfect", 1.0), ("predicts three times too much", 3.0)):
        for rate in (0.02, 0.2):
            shares = []
            for rows in sizes:
                passing = []
                for seed in range(200 * repeat):
                    rng = np.random.default_rng(seed)
                    risk = expit(logit(rate) - 0.4 + rng.normal(0, 1, rows))
                    churned = (rng.random(rows) < risk).astype(np.int64)
                    if churned.sum() < 2:
                        continue
                    predicted = np.minimum(factor * risk, 0.999)
                    found = calibration(churned, predicted, np.ones(rows), np.arange(rows))
                    passing.append(not failed_gates(check_gates(limits, found.gate_values())))
                shares.append(share(passing))
            print_row([name, f"{rate:.0%}", *shares])


def panel(customers: int, seed: int) -> HeldOut:
    """Scores of customers with several rows each, whose risks have a common part."""
    rng = np.random.default_rng(seed)
    code = np.repeat(np.arange(customers), ROWS_OF_A_CUSTOMER)
    known = rng.normal(size=customers)[code]
    unknown = rng.normal(0, 1.5, customers)[code]
    churned = (rng.random(len(code)) < expit(known + unknown - 2)).astype(np.int64)
    scores = {SCORECARD: expit(known - 1.5), "constant": np.full(len(code), churned.mean())}
    return HeldOut(np.arange(len(code)), code, churned, np.ones(len(code)), scores)


def coverage_table(repeat: int) -> None:
    """Print how often intervals contain the true AUC of scores on panels."""
    population = panel(200_000, 1_000_000)
    true = roc_auc(population.churned, population.probability)
    print_row(["customers", "resampled: customers", "resampled: rows"])
    print_row(["---"] * 3)
    for customers in (200, 1_000):
        contained: dict[bool, list[bool]] = {True: [], False: []}
        for seed in range(60 * repeat):
            scores = panel(customers, seed)
            for follows in (True, False):
                of = scores.customers if follows else scores.rows
                held_out = HeldOut(
                    scores.rows, of, scores.churned, scores.weights, scores.probabilities
                )
                low, high = summarise(held_out, "").intervals[SCORECARD]["auc"]
                contained[follows].append(low <= true <= high)
        print_row([f"{customers:,}", share(contained[True]), share(contained[False])])


def share(flags: Iterable[bool]) -> str:
    """A share as text."""
    flags = list(flags)
    return f"{np.mean(flags):.0%} of {len(flags)}"


def print_row(cells: Iterable[str]) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> int:
    """Run everything; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=1, help="factor of all numbers of tables")
    repeat = parser.parse_args().repeat
    for title, table in (
        ("Tables that raise an alarm", alarm_table),
        ("Models that pass the calibration gates", gate_table),
        (f"Intervals that contain the true AUC, {ROWS_OF_A_CUSTOMER} rows each", coverage_table),
    ):
        begun = time.perf_counter()
        print(f"\n{title}\n", flush=True)
        table(repeat)
        print(f"\n{time.perf_counter() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
