"""Which customers a version predicts to churn, on a made-up table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from churn_model.errors import TrainingError
from churn_model.offer import Offer
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.schema.column import Column
from training.data.customers import CustomersOfRows
from training.data.table import simulated_table
from training.decision import Decision, DecisionPlan
from training.evaluation.evaluation import SCORECARD, HeldOut

OFFER = Offer(cost=20, success=0.3, horizon=12, margin=0.5)


@pytest.fixture
def table():
    return simulated_table(400, 1)


@pytest.fixture
def held_out(table):
    rows = np.arange(400)
    probability = np.random.default_rng(0).beta(2, 6, 400)
    return HeldOut(rows, rows, table.churned, np.ones(400), {SCORECARD: probability})


def decided(plan, table, held_out):
    decision = Decision(plan, table, CUSTOMER_SCHEMA)
    decision.decide(held_out, seed=0)
    return decision


def test_without_a_campaign_the_threshold_is_the_default_or_the_champions(
    table, held_out, scorecard
):
    default = decided(DecisionPlan(), table, held_out)
    assert (default.threshold, default.reason) == (0.5, "")
    assert default.apply(scorecard) == scorecard
    inherited = decided(DecisionPlan(threshold=0.31), table, held_out)
    assert (inherited.threshold, inherited.reason) == (0.31, "as the champion's")


def test_a_number_of_contacts_is_a_share_of_the_tables_customers(table, held_out, scorecard):
    decision = decided(DecisionPlan(contact_at_most=100), table, held_out)
    assert decision.predicted(held_out).sum() == 100
    assert decision.reason == "which contacts at most 25.0% of the customers"
    assert decision.apply(scorecard).threshold == decision.threshold
    two_rows_each = replace(table, customers_of_rows=CustomersOfRows(np.arange(400) // 2))
    assert decided(DecisionPlan(contact_at_most=50), two_rows_each, held_out).share == 0.25


def test_a_limit_of_contacts_above_the_tables_customers_is_rejected(table):
    with pytest.raises(TrainingError, match="the table has only 400 customers"):
        Decision(DecisionPlan(contact_at_most=400), table, CUSTOMER_SCHEMA)


def test_a_limit_raises_the_campaigns_threshold_and_is_stored(table, held_out, scorecard):
    free = decided(DecisionPlan(OFFER), table, held_out)
    limited = decided(DecisionPlan(OFFER, contact_at_most=20), table, held_out)
    assert limited.predicted(held_out).sum() <= 20 < free.predicted(held_out).sum()
    campaign = limited.apply(scorecard).campaign
    assert campaign.contact_at_most == 0.05
    assert campaign.revenue == "monthly_charges"


def test_a_decision_by_profit_falls_back_to_the_threshold(table, held_out):
    table.customers.loc[:99, "monthly_charges"] = np.nan
    decision = decided(DecisionPlan(OFFER, decide_by="profit"), table, held_out)
    predicted = decision.predicted(held_out)
    by_threshold = held_out.probability >= decision.threshold
    revenue = table.customers["monthly_charges"].to_numpy()
    np.testing.assert_array_equal(predicted[:100], by_threshold[:100])
    profits = OFFER.expected_profit(held_out.probability, revenue)
    np.testing.assert_array_equal(predicted[100:], profits[100:] > 0)
    assert (predicted != by_threshold).any()


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (DecisionPlan(decide_by="profit"), "--decide-by profit needs a campaign"),
        (DecisionPlan(revenue="monthly_charges"), "--revenue is used by a campaign only"),
        (DecisionPlan(OFFER, revenue="customer_id"), "is not a numerical feature"),
        (DecisionPlan(OFFER, revenue="since"), "is not a numerical feature"),
    ],
)
def test_a_plan_that_the_table_cannot_follow_is_rejected(table, plan, message):
    schema = replace(CUSTOMER_SCHEMA, columns=(*CUSTOMER_SCHEMA, Column("since", "date")))
    with pytest.raises(TrainingError, match=message):
        Decision(plan, table, schema)


def test_a_column_with_the_name_of_the_new_output_is_rejected(table):
    column = Column("expected_profit", "number", required=False)
    schema = replace(CUSTOMER_SCHEMA, columns=(*CUSTOMER_SCHEMA, column))
    with pytest.raises(TrainingError, match="--exclude"):
        Decision(DecisionPlan(OFFER), table, schema)


def test_a_campaign_without_a_limit_of_contacts_has_a_reason(table, held_out):
    decision = Decision(
        DecisionPlan(offer=OFFER, revenue="monthly_charges"), table, CUSTOMER_SCHEMA
    )
    assert decision.reason == "where the campaign earns the most"
