"""Measures how often windows without any drift raise an alarm.

For each size of the training table and of the windows: the share of windows in which an alarm is
open, of windows with a significant change (which is no alarm before it is material and repeated),
and of windows that customary rules call drifted. Two libraries test the same windows with their
defaults, if the Python of an environment that has them is given.

Usage: python benchmarks/monitoring/false_alarms.py [--rounds N] [--evidently PYTHON]
[--nannyml PYTHON]. Prints Markdown; a round takes about a minute, with the libraries two.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from simulated import DAY, Customers, Model, draw, print_header, print_row, train, window

from monitoring.alarms import load_limits
from monitoring.analysis import Analysis, analyse

TRAINING_ROWS = (2_000, 10_000)
WINDOW_ROWS = {100: 200, 300: 200, 1_000: 100, 10_000: 40}
"""Rows of a window, and the number of windows for each model."""
LIBRARY_WINDOWS = 20
LIBRARIES = Path(__file__).parent / "libraries"
OURS = ("alarm", "significant", "PSI above 0.1 in any term", "JS above 0.1 in any term")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="models of each training size")
    parser.add_argument("--evidently", help="a Python with evidently")
    parser.add_argument("--nannyml", help="a Python with nannyml")
    options = parser.parse_args()
    pythons = {"evidently": options.evidently, "nannyml": options.nannyml}
    found: Counter[tuple[int, int, str]] = Counter()
    tested: Counter[tuple[int, int, str]] = Counter()
    for rows in TRAINING_ROWS:
        for number in range(options.rounds):
            seed = 1000 * number + rows
            model = train(rows, seed)
            for size, windows in WINDOW_ROWS.items():
                pool = draw(size * windows, seed + size + 7)
                parts = [pool.take(slice(i * size, (i + 1) * size)) for i in range(windows)]
                shares = ours(model, parts)
                for name, python in pythons.items():
                    if python:
                        shares |= library(name, python, model.training, parts[:LIBRARY_WINDOWS])
                for name, flags in shares.items():
                    found[rows, size, name] += int(np.sum(flags))
                    tested[rows, size, name] += len(flags)
    print_table(found, tested)


def ours(model: Model, parts: list[Customers]) -> dict[str, list[bool]]:
    """For each window and rule, whether it fires."""
    windows = [window(i, model.count(part.table)) for i, part in enumerate(parts)]
    limits = load_limits()
    analysis = analyse(windows, model.scorer.scorecard, model.profile, limits, DAY)
    level = limits.drift.significance
    return {
        "alarm": open_alarms(analysis),
        "significant": [
            min(term.p_value for term in (*result.terms, result.score)) <= level
            for result in analysis.windows
            if result.score is not None
        ],
        "PSI above 0.1 in any term": [
            any(term.psi > 0.1 for term in result.terms) for result in analysis.windows
        ],
        "JS above 0.1 in any term": [
            any(term.js > 0.1 for term in result.terms) for result in analysis.windows
        ],
    }


def open_alarms(analysis: Analysis) -> list[bool]:
    """For each window, whether it lies within an alarm."""
    alarms = (*analysis.alarms, *analysis.past_alarms)
    return [
        any(
            a.since <= r.window.start and (a.until is None or r.window.start < a.until)
            for a in alarms
        )
        for r in analysis.windows
    ]


def library(
    name: str, python: str, training: Customers, parts: list[Customers]
) -> dict[str, list[bool]]:
    """Run a library on the features of the same windows; each line that it prints is a rule."""
    with tempfile.TemporaryDirectory() as folder:
        for i, part in enumerate([training, *parts]):
            part.table.drop(columns="customer_id").to_parquet(f"{folder}/{i}.parquet")
        done = subprocess.run(
            [python, str(LIBRARIES / f"{name}_windows.py"), folder, str(len(parts))],
            capture_output=True,
            text=True,
        )
    if done.returncode:
        print(done.stderr[-1000:], file=sys.stderr)
        return {}
    lines = [line.split("\t") for line in done.stdout.splitlines() if line.count("\t") == 1]
    return {rule: [flag == "1" for flag in flags] for rule, flags in lines}


def print_table(
    found: Counter[tuple[int, int, str]], tested: Counter[tuple[int, int, str]]
) -> None:
    """Print the share of windows for each rule."""
    print_header(["training rows", "rule", *(f"windows of {size:,}" for size in WINDOW_ROWS)])
    rules = dict.fromkeys(rule for _, _, rule in tested)
    for rows in TRAINING_ROWS:
        for rule in rules:
            cells = []
            for size in WINDOW_ROWS:
                n = tested[rows, size, rule]
                cells.append(f"{found[rows, size, rule] / n:.1%} of {n}" if n else "-")
            print_row([f"{rows:,}", rule, *cells])


if __name__ == "__main__":
    main()
