"""Results made by hand: a population that drifts from the middle of the year on."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np

from churn_model.profile import CellCounts
from churn_model.profile.score_bins import count_scores
from monitoring.findings import Findings
from monitoring.results import (
    Alarm,
    BinChange,
    Cohort,
    Estimate,
    PopulationResult,
    TermDrift,
    WindowResult,
)
from monitoring.windows import Population, Window

START = datetime(2026, 5, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)
SERVE = Population("churn", "3", "serve")


def estimate(value: float, width: float) -> Estimate:
    return Estimate(value, value - width, value + width)


def counts(rng: np.random.Generator, rows: int, moved: float) -> CellCounts:
    probability = 1 / (1 + np.exp(-rng.normal(-1.5 + moved, 1, rows)))
    return CellCounts(
        scores=count_scores(probability),
        predicted=count_scores(probability[probability > 0.5]),
        rejected=float(rng.integers(0, max(rows // 50, 1))),
    )


def term(rng: np.random.Generator, name: str, moved: float) -> TermDrift:
    reference = rng.dirichlet(np.full(6, 5.0))
    window = reference + moved * np.array([-0.1, -0.05, 0.0, 0.0, 0.05, 0.1])
    labels = ("up to 12", "12 to 24", "24 to 48", "48 to 72", "above 72", "missing")
    bins = (BinChange(*each) for each in zip(labels, reference, window, strict=True))
    shift = float(rng.normal(0, 0.01) + 0.3 * moved)
    return TermDrift(
        name,
        tuple(name.split(" & ")),
        shift,
        abs(shift) + 0.02,
        0.01 + 0.4 * moved,
        0.02 + 0.2 * moved,
        0.02 + 0.1 * moved,
        0.8 if moved < 0.2 else 1e-9,
        tuple(bins),
    )


def population_result(
    windows: int = 20,
    features: int = 5,
    cohorts: int = 4,
    drifts: bool = True,
    every: timedelta = DAY,
    population: Population = SERVE,
) -> PopulationResult:
    """A population whose first feature drifts in the second half of its windows."""
    names = ["tenure", "monthly_charges", "age & tenure", "<b>Offer & Co</b>", "age"]
    names = (names + [f"feature {i} with a longer name" for i in range(features)])[:features]
    rng = np.random.default_rng(5)
    results = []
    for i in range(windows):
        moved = 1.0 * drifts * (i >= windows / 2)
        start = START + i * every
        window = Window(start, start + every, counts(rng, int(rng.integers(500, 900)), moved))
        terms = tuple(term(rng, name, moved * (name == names[0])) for name in names)
        results.append(
            WindowResult(
                window,
                -1.5 + moved,
                sum(each.shift for each in terms),
                terms,
                {"tenure": 0.0, "age": 0.03},
                {"plan": 0.01},
                {
                    "auc": estimate(0.81 - 0.02 * moved, 0.03),
                    "log_loss": estimate(0.42 + 0.05 * moved, 0.02),
                    "churn_rate": estimate(0.22 + 0.1 * moved, 0.02),
                },
            )
        )
    since = START + ((windows + 1) // 2) * every
    message = (
        f"{names[0] if names else 'the score'} raises the mean log-odds by 0.31 since "
        f"{since:%Y-%m-%d} (adjusted p below 0.0001)"
    )
    alarms = (Alarm("drift", names[0] if names else "", since, message),) if drifts else ()
    return PopulationResult(
        population,
        "the 10,000 training rows of version 3",
        tuple(results),
        alarms,
        "watch" if drifts else "fine",
        ("one feature drifts, and labels do not confirm a decline yet",) if drifts else (),
        tuple(_cohort(i, every) for i in range(cohorts)),
        {
            "auc": estimate(0.82, 0.01),
            "log_loss": estimate(0.41, 0.01),
            "churn_rate": estimate(0.21, 0.01),
        },
        0.7,
    )


def _cohort(i: int, every: timedelta) -> Cohort:
    start = START + i * every
    estimated = {
        "auc": estimate(0.81, 0.02),
        "log_loss": estimate(0.42, 0.02),
        "brier": estimate(0.14, 0.01),
        "churn_rate": estimate(0.21, 0.02),
        "calibration": estimate(1.0, 0.02),
    }
    realised = {
        "auc": estimate(0.80 - 0.01 * i, 0.03),
        "log_loss": estimate(0.43 + 0.01 * i, 0.02),
        "brier": estimate(0.15, 0.01),
        "churn_rate": estimate(0.22 + 0.02 * i, 0.02),
        "calibration": estimate(1.05 + 0.05 * i, 0.1),
    }
    return Cohort(start, start + every, 612, 140, realised, estimated)


def findings(*results: PopulationResult, every: timedelta = DAY) -> Findings:
    return Findings(
        model_uri="models:/churn@champion",
        model_name="churn",
        version="3",
        now=datetime(2026, 7, 1, 6, 30, tzinfo=timezone.utc),
        every=every,
        results=results or (population_result(),),
        limits=(("level", "0.01"), ("log_odds", "0.1")),
        notes=("2 files in log are not of an inference log and were skipped",),
    )
