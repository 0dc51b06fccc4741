"""Customers whose true churn probabilities are those that the scorecard predicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn_model.profile import MonitoringProfile, TermProfile
from churn_model.profile.cell_counts import count_cells
from churn_model.profile.monitoring_profile import ScoreProfile
from churn_model.profile.score_bins import count_scores
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from churn_model.validation import check_frame
from tests.unit.monitoring.customers import profile_of
from training.data.simulator import simulate


@pytest.fixture(scope="session")
def customers() -> pd.DataFrame:
    return simulate(2_000, seed=3).customers


@pytest.fixture(scope="session")
def profile(scorer: Scorer) -> MonitoringProfile:
    """The profile of 20,000 customers who churn as often as predicted."""
    frame = simulate(20_000, seed=4).customers
    probability = scorer.score(frame).probability
    churned = (np.random.default_rng(5).random(len(frame)) < probability).astype(float)
    values = scorer.inputs(check_frame(frame, CUSTOMER_SCHEMA))
    counted = [
        count_cells(scorer.lookup, values, weights) for weights in (None, churned, probability)
    ]
    terms = [
        TermProfile(
            features=term.features,
            rows=rows.tolist(),
            held_out=rows.tolist(),
            churners=churners.tolist(),
            expected=expected.tolist(),
        )
        for term, rows, churners, expected in zip(scorer.scorecard.terms, *counted, strict=True)
    ]
    return MonitoringProfile(
        rows=len(frame),
        customers=len(frame),
        held_out_customers=len(frame),
        rejected=0.0,
        missing={"total_charges": 0.03},
        unlisted={},
        terms=terms,
        scores=ScoreProfile(
            rows=count_scores(probability).tolist(),
            churners=count_scores(probability, churned).tolist(),
        ),
    )


@pytest.fixture(scope="session")
def paired_profile() -> MonitoringProfile:
    """The profile of 4,000 customers of the small paired scorecard, well calibrated."""
    return profile_of(np.random.default_rng(4))
