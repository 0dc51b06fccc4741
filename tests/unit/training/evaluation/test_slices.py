"""Slices and alarms."""

from typing import Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import Field

from churn_model.schema import CUSTOMER_SCHEMA, CustomerRecord, RecordSchema
from training.data.simulator import simulate
from training.evaluation.alarms import alarms
from training.evaluation.evaluation import SCORECARD, HeldOut
from training.evaluation.slices import slices


class Wider(CustomerRecord):
    plan: Literal["basic", "plus"] | None = None
    member: bool = Field(description="of the club")
    score: float | None = Field(default=None)
    ticket: int = Field(ge=0)


SCHEMA = RecordSchema.from_model(Wider)


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
    return HeldOut(rows, simulation.churned[rows], np.full(2 * n, 0.5), {SCORECARD: scores[rows]})


def test_the_groups_of_each_feature_add_up_to_everybody(simulation, customers):
    found = slices(customers, SCHEMA, held_out(simulation))
    for column in SCHEMA.features:
        of_feature = [each for each in found if each.feature == column.name]
        assert sum(each.customers for each in of_feature) == 3000
        churned = sum(each.customers * each.seen for each in of_feature)
        assert churned == pytest.approx(simulation.churned.sum())
    labels = [each.label for each in found if each.feature == "plan"]
    assert labels == ["basic", "plus", "missing"]
    assert "missing" in [each.label for each in found if each.feature == "total_charges"]


def test_true_probabilities_serve_every_group_and_wrong_ones_show(simulation, customers):
    assert not [each for each in slices(customers, SCHEMA, held_out(simulation)) if each.is_off]
    wrong = simulation.probability.copy()
    wrong[customers["plan"] == "plus"] *= 0.5
    found = slices(customers, SCHEMA, held_out(simulation, wrong))
    assert ("plan", "plus") in [(each.feature, each.label) for each in found if each.is_off]


def test_a_group_of_one_class_has_no_auc(simulation, customers):
    customers["member"] = simulation.churned == 1
    found = {
        e.label: e for e in slices(customers, SCHEMA, held_out(simulation)) if e.feature == "member"
    }
    assert found["True"].auc is None
    assert found["True"].seen == 1.0


def kinds(customers, churned, schema=SCHEMA):
    return {(alarm.kind, alarm.feature) for alarm in alarms(customers, churned, schema)}


def test_honest_customers_raise_no_alarm(simulation, customers):
    assert kinds(customers, simulation.churned) == set()
    assert kinds(simulation.customers, simulation.churned, CUSTOMER_SCHEMA) == set()


def test_a_score_that_was_made_from_the_answer_is_an_alarm(simulation, customers):
    noise = np.random.default_rng(1).normal(size=3000)
    customers["score"] = simulation.churned * 4 + noise * 0.6
    assert ("answer", "score") in kinds(customers, simulation.churned)


def test_a_number_that_grows_with_the_answer_and_with_every_row_is_an_alarm(simulation, customers):
    order = np.argsort(simulation.churned, kind="stable")
    customers.loc[order, "ticket"] = np.arange(3000) + 1000
    assert {("identifier", "ticket"), ("answer", "ticket")} <= kinds(customers, simulation.churned)


def test_a_number_that_is_missing_for_one_class_only_is_an_alarm(simulation, customers):
    rows = np.flatnonzero(simulation.churned == 1)[:60]
    customers.loc[rows, "score"] = np.nan
    assert kinds(customers, simulation.churned) == {("missing", "score")}


def test_a_band_in_which_everybody_churned_is_an_alarm(simulation):
    left_out = (simulation.customers["tenure"] < 4) & (simulation.churned == 0)
    customers = simulation.customers[~left_out].reset_index(drop=True)
    churned = simulation.churned[~left_out.to_numpy()]
    found = {alarm.feature: alarm for alarm in alarms(customers, churned, CUSTOMER_SCHEMA)}
    assert found["tenure"].kind == "one_sided"
    assert "with tenure 0 to 1, 2 to 3 churned" in found["tenure"].text


def test_a_few_customers_who_all_did_the_same_are_no_alarm(simulation, customers):
    rows = np.flatnonzero(simulation.churned == 1)[:20]
    customers.loc[rows, "score"] = np.nan
    assert kinds(customers, simulation.churned) == set()
