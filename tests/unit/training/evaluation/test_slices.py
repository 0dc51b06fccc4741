"""Slices."""

from typing import Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import Field

from churn_model.schema import CustomerRecord, RecordSchema
from training.data.simulator import simulate
from training.evaluation.evaluation import SCORECARD, HeldOut
from training.evaluation.slices import slices


class Extended(CustomerRecord):
    plan: Literal["basic", "plus"] | None = None
    member: bool = Field(description="of the loyalty club")
    score: float | None = Field(default=None)
    ticket: int = Field(ge=0)


SCHEMA = RecordSchema.from_model(Extended)


@pytest.fixture(scope="module")
def simulation():
    return simulate(3000, seed=4)


@pytest.fixture
def customers(simulation):
    rng = np.random.default_rng(0)
    n = len(simulation.churned)
    plan = pd.Series(rng.choice(["basic", "plus", None], n), dtype=object)
    return simulation.customers.assign(
        plan=plan.where(plan.notna(), None),
        member=pd.array(rng.random(n) < 0.5, dtype="boolean"),
        score=rng.normal(size=n),
        ticket=rng.integers(0, 20, n),
    )


def held_out(simulation, probability=None):
    n = len(simulation.churned)
    rows = np.tile(np.arange(n), 2)
    scores = simulation.probability if probability is None else probability
    churned, weights = simulation.churned[rows], np.full(2 * n, 0.5)
    return HeldOut(rows, rows, churned, weights, {SCORECARD: scores[rows]})


def test_the_slices_of_each_feature_add_up_to_all_customers(simulation, customers):
    found = slices(customers, SCHEMA, held_out(simulation))
    for column in SCHEMA.features:
        of_feature = [each for each in found if each.feature == column.name]
        assert sum(each.customers for each in of_feature) == 3000
        churned = sum(each.customers * each.observed for each in of_feature)
        assert churned == pytest.approx(simulation.churned.sum())
    labels = [each.label for each in found if each.feature == "plan"]
    assert labels == ["basic", "plus", "missing"]
    assert "missing" in [each.label for each in found if each.feature == "total_charges"]


def test_wrong_probabilities_make_a_slice_miscalibrated_and_true_ones_do_not(simulation, customers):
    assert not [
        each for each in slices(customers, SCHEMA, held_out(simulation)) if each.is_miscalibrated
    ]
    wrong = simulation.probability.copy()
    wrong[customers["plan"] == "plus"] *= 0.5
    found = slices(customers, SCHEMA, held_out(simulation, wrong))
    assert ("plan", "plus") in [
        (each.feature, each.label) for each in found if each.is_miscalibrated
    ]


def test_a_slice_of_one_class_has_no_auc_and_one_of_the_two_rates(simulation, customers):
    customers["member"] = simulation.churned == 1
    found = {
        e.label: e for e in slices(customers, SCHEMA, held_out(simulation)) if e.feature == "member"
    }
    assert found["True"].auc is None
    assert found["True"].observed == 1.0
    assert found["True"].false_positive_rate is None
    assert found["False"].recall is None


def test_a_slice_counts_the_customers_predicted_to_churn_at_the_threshold(simulation, customers):
    scores = held_out(simulation)
    (member,) = (
        e
        for e in slices(customers, SCHEMA, scores, scores.probability >= 0.3)
        if (e.feature, e.label) == ("member", "True")
    )
    mask = customers["member"].to_numpy(bool)
    churned, selected = simulation.churned[mask] == 1, simulation.probability[mask] >= 0.3
    assert member.selection_rate == pytest.approx(selected.mean())
    assert member.recall == pytest.approx(selected[churned].mean())
    assert member.false_positive_rate == pytest.approx(selected[~churned].mean())
