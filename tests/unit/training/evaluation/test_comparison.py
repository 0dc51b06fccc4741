"""The values that a challenger's gates check."""

from __future__ import annotations

from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from training.data.table import simulated_table
from training.evaluation.comparison import compare
from training.evaluation.gates import check_gates, failed_gates, load_gates


def scorer(intercept: float) -> Scorer:
    """A model of the tenure alone; about -1.8 is the intercept that fits simulated customers."""
    tenure = Term(features=["tenure"], cuts=[[12.5]], scores=[0.0, 0.8, -0.5, 0.0])
    features = [Feature(name=c.name, kind="number") for c in CUSTOMER_SCHEMA.features]
    return Scorer(
        Scorecard(intercept=intercept, features=features, terms=[tenure]), CUSTOMER_SCHEMA
    )


def failures(champion: float, challenger: float) -> list[str]:
    compared = compare(scorer(champion), scorer(challenger), simulated_table(4000, 1))
    values = {**compared.values(), "alarms": 0.0}
    limits = load_gates().challenger
    del limits["contacted"]  # other probabilities contact other customers
    return failed_gates(check_gates(limits, values))


def test_a_challenger_that_is_calibrated_better_than_the_champion_is_not_refused():
    assert failures(champion=0.5, challenger=-0.5) == []


def test_a_challenger_that_is_calibrated_worse_is_refused_for_its_calibration():
    assert any("observed and expected churn" in text for text in failures(-1.6, 0.5))
