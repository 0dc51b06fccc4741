"""Customers of the small paired scorecard, their counts, and a profile of them."""

from datetime import datetime, timedelta, timezone

import numpy as np

from churn_model.profile import CellCounts, MonitoringProfile, TermProfile
from churn_model.profile.cell_counts import count_customers
from churn_model.profile.monitoring_profile import ScoreProfile
from churn_model.profile.score_bins import LOG_ODDS, count_scores
from churn_model.scoring import Scorer
from monitoring.windows import Window
from tests.unit.churn_model.profile.scorecards import PAIRED, SCHEMA

START, DAY = datetime(2026, 1, 1, tzinfo=timezone.utc), timedelta(days=1)
LEVELS = ("basic", "premium", "gold")
SCORER = Scorer(PAIRED, SCHEMA)


def scored(rng, n, usage=5.0, missing=0.1, unlisted=0.1):
    """The counts (CellCounts) and probabilities (n,) of n customers."""
    shares = (0.6 - unlisted / 2, 0.4 - unlisted / 2, unlisted)
    customers = {
        "usage": [
            None if is_missing else float(value)
            for value, is_missing in zip(
                rng.normal(usage, 4, n), rng.random(n) < missing, strict=True
            )
        ],
        "plan": [str(plan) for plan in rng.choice(LEVELS, n, p=shares)],
    }
    checked = SCORER._check(customers)
    scores = SCORER.score_columns(checked)
    counts = count_customers(
        SCORER.lookup, SCORER.inputs(checked), scores.probability, scores.prediction
    )
    return counts, scores.probability


def counted(rng, n, **changes):
    return scored(rng, n, **changes)[0]


def profile_of(rng, n=4000, slope=1.0):
    """A profile of n customers whose true log-odds are ``slope`` times the predicted ones."""
    counts, probability = scored(rng, n)
    true = 1 / (1 + np.exp(-slope * np.log(probability / (1 - probability))))
    churners = count_scores(probability[rng.random(n) < true])
    rate = counts.scores @ (1 / (1 + np.exp(-LOG_ODDS))) / n
    return MonitoringProfile(
        rows=n,
        customers=float(n),
        held_out_customers=float(n),
        rejected=0.01,
        missing={"usage": 0.1, "plan": 0.0},
        unlisted={"plan": 0.1},
        terms=[
            TermProfile(
                features=term.features,
                rows=cells.tolist(),
                held_out=cells.tolist(),
                churners=(cells * rate).tolist(),
                expected=(cells * rate).tolist(),
            )
            for term, cells in zip(PAIRED.terms, counts.terms, strict=True)
        ],
        scores=ScoreProfile(rows=counts.scores.tolist(), churners=churners.tolist()),
    )


def days(counts: list[CellCounts]) -> list[Window]:
    return [Window(START + i * DAY, START + (i + 1) * DAY, each) for i, each in enumerate(counts)]
