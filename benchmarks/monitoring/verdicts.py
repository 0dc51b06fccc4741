"""What the verdict says each month about streams whose truth is known.

The streams are those of ``anytime.py``. Each month, the labels known so far are judged as ``churn
monitor`` does. Labels arrive without delay here, so a window of 60 days adds two months.

    python benchmarks/monitoring/verdicts.py --streams 100

Prints, for each kind of stream, the share of streams that got each verdict before and after the
change, and the median number of months from the change to the first verdict other than fine.
"""

from __future__ import annotations

import argparse
from statistics import median
from typing import Any

import numpy as np
from anytime import CHANGE, MONTHS, STREAMS, held_out, stream

from churn_model.scoring.scorecard import Feature, Scorecard, Term
from monitoring.alarms.limits import LabelLimits, load_limits
from monitoring.labels.matched import Matched
from monitoring.realised.cohorts import realised
from monitoring.realised.verdict import verdict
from monitoring.results import Verdict

_SCORECARD = Scorecard(
    intercept=0.0,
    features=[Feature(name="x", kind="number")],
    terms=[Term(features=["x"], cuts=[[0.0]], scores=[0.0, 0.0, 0.0, 0.0])],
)
"""Only its campaign is looked at, and it has none."""


def verdicts(matched: Matched, profile: Any, limits: LabelLimits) -> list[Verdict]:
    """The verdict at the end of each month."""
    found: list[Verdict] = []
    for month in range(MONTHS):
        known = matched.take(matched.cohort <= month)
        found.append(verdict([], realised(known, _SCORECARD, profile, limits), limits)[0])
    return found


def describe(all_found: list[list[Verdict]]) -> str:
    """The cells of the table."""
    n = len(all_found)
    before = sum(any(each != "fine" for each in found[:CHANGE]) for found in all_found) / n
    cells = [f"{before:.2f}"]
    for name in ("recalibrate", "retrain"):
        cells.append(f"{sum(name in found[CHANGE:] for found in all_found) / n:.2f}")
    cells.append(f"{sum(found[-1] == 'retrain' for found in all_found) / n:.2f}")
    delays = [
        next(i for i, each in enumerate(found[CHANGE:]) if each != "fine") + 1
        for found in all_found
        if any(each != "fine" for each in found[CHANGE:])
    ]
    return " | ".join([*cells, f"{median(delays):.0f}" if delays else "-"])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--customers", type=int, default=1000, help="per month (%(default)s)")
    options = parser.parse_args()
    limits = load_limits().labels
    print("| stream | not fine before | recalibrate | retrain | retrain at the end | months |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, truth in STREAMS.items():
        rng = np.random.default_rng(0)
        found = []
        for _ in range(options.streams):
            profile = held_out(rng)
            shift = 1.0 if name.startswith("other") else 0.0
            matched = stream(rng, truth, options.customers, shift)
            found.append(verdicts(matched, profile, limits))
        print(f"| {name} | {describe(found)} |", flush=True)


if __name__ == "__main__":
    main()
