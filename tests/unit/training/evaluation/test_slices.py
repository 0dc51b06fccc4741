"""Slices and leakage alarms."""

from typing import Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import Field
from sklearn.metrics import roc_auc_score

from churn_model.schema import CUSTOMER_SCHEMA, CustomerRecord, RecordSchema
from churn_model.schema.column import Column
from training.data.simulator import simulate
from training.evaluation.alarms import alarms, single_auc
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


@pytest.mark.parametrize("seed", range(3))
def test_the_auc_of_one_number_puts_missing_values_where_they_help(seed):
    rng = np.random.default_rng(seed)
    churned = rng.integers(0, 2, 300)
    numbers = np.round(rng.normal(-1, 1, 300) - churned, 1)
    numbers[rng.random(300) < 0.3] = np.nan
    expected = max(
        roc_auc_score(churned, np.where(np.isnan(numbers), position, sign * numbers))
        for position in (-99, 99)
        for sign in (-1, 1)
    )
    column = Column("score", "number", required=False)
    assert single_auc(column, pd.Series(numbers), churned) == pytest.approx(expected, abs=1e-12)


def kinds(customers, churned, schema=SCHEMA):
    return {(alarm.kind, alarm.feature) for alarm in alarms(customers, churned, schema)}


def test_a_table_without_leakage_raises_no_alarm(simulation, customers):
    assert kinds(customers, simulation.churned) == set()
    assert kinds(simulation.customers, simulation.churned, CUSTOMER_SCHEMA) == set()


def test_a_score_derived_from_the_target_raises_an_alarm(simulation, customers):
    noise = np.random.default_rng(1).normal(size=3000)
    customers["score"] = simulation.churned * 4 + noise * 0.6
    assert ("target_leakage", "score") in kinds(customers, simulation.churned)


def test_a_row_number_of_a_table_sorted_by_the_target_raises_two_alarms(simulation, customers):
    order = np.argsort(simulation.churned, kind="stable")
    customers.loc[order, "ticket"] = np.arange(3000) + 1000
    assert {("identifier", "ticket"), ("target_leakage", "ticket")} <= kinds(
        customers, simulation.churned
    )


def test_a_number_that_is_missing_for_one_class_only_raises_an_alarm(simulation, customers):
    rows = np.flatnonzero(simulation.churned == 1)[:60]
    customers.loc[rows, "score"] = np.nan
    assert kinds(customers, simulation.churned) == {("missing", "score")}


def test_a_range_in_which_everybody_churned_raises_an_alarm(simulation):
    left_out = (simulation.customers["tenure"] < 4) & (simulation.churned == 0)
    customers = simulation.customers[~left_out].reset_index(drop=True)
    churned = simulation.churned[~left_out.to_numpy()]
    found = {alarm.feature: alarm for alarm in alarms(customers, churned, CUSTOMER_SCHEMA)}
    assert found["tenure"].kind == "one_sided"
    assert "with tenure 0 to 1, 2 to 3 churned" in found["tenure"].text


def test_a_few_customers_of_one_class_raise_no_alarm(simulation, customers):
    rows = np.flatnonzero(simulation.churned == 1)[:20]
    customers.loc[rows, "score"] = np.nan
    assert kinds(customers, simulation.churned) == set()
