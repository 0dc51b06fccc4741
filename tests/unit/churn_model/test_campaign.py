"""A scorecard's campaign: its file, and the expected profit of contacting a customer."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from churn_model.errors import InvalidParameter, ScorecardError
from churn_model.offer import Offer
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.schema.column import Column
from churn_model.scoring import Scorer
from churn_model.scoring.campaign import Campaign
from churn_model.scoring.scorecard import Scorecard
from training.data.simulator import simulate

OFFER = Offer(cost=20, success=0.3, horizon=12, margin=0.01, contact_cost=1)


@pytest.fixture
def customers():
    customers = simulate(50, seed=5).customers
    customers.loc[3, "total_charges"] = np.nan
    return customers


def test_a_contacted_churner_earns_the_revenue_kept_and_others_cost_the_offer():
    profits = OFFER.expected_profit(np.array([1.0, 0.0, 0.25]), np.array([5000.0, 5000.0, 5000.0]))
    churner, stayer = 0.3 * (5000 * 12 * 0.01 - 20) - 1, -20 - 1
    assert profits.tolist() == pytest.approx([churner, stayer, 0.25 * churner + 0.75 * stayer])


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("success", 30, "from 0 to 1"),
        ("horizon", 1e308, "from 0 to 1200"),
        ("margin", -0.1, "from 0 to 1"),
        ("cost", math.inf, "from 0 on"),
        ("contact_cost", math.nan, "from 0 on"),
    ],
)
def test_an_impossible_offer_is_rejected(name, value, allowed):
    with pytest.raises(
        InvalidParameter, match=f"{name.replace('_', ' ')} must be a number {allowed}"
    ):
        replace(OFFER, **{name: value})


# --- the file ---------------------------------------------------------------------------------


def test_a_scorecard_without_a_campaign_is_written_as_before(scorecard):
    document = json.loads(scorecard.dumps())
    assert document["version"] == 1
    assert "campaign" not in document


def test_a_scorecard_with_a_campaign_is_the_same_when_loaded(campaign_scorer):
    saved = campaign_scorer.scorecard.dumps()
    document = json.loads(saved)
    assert document["version"] == 2
    assert "contact_at_most" not in document["campaign"]
    loaded = Scorecard.loads(saved)
    assert loaded == campaign_scorer.scorecard
    assert loaded.campaign.offer == OFFER


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d: d.update(version=1), "format version 1 has no campaign"),
        (lambda d: d.pop("campaign"), "format version 2 needs a campaign"),
        (lambda d: d["campaign"].update(revenue="gone"), "'gone' is not a numerical feature"),
        (lambda d: d["campaign"].update(success=2.0), "campaign.success"),
        (lambda d: d["campaign"].update(horizon=1e308), "campaign.horizon"),
        (lambda d: d["campaign"].update(offer_cost=-1.0), "campaign.offer_cost"),
        (lambda d: d["campaign"].update(decide_by="luck"), "campaign.decide_by"),
        (lambda d: d["campaign"].update(contact_at_most=0.5), "decides by profit"),
        (lambda d: d["campaign"].update(code="import os"), "campaign.code"),
    ],
)
def test_a_damaged_campaign_is_rejected_with_one_line(campaign_scorer, change, problem):
    document = json.loads(campaign_scorer.scorecard.dumps())
    change(document)
    with pytest.raises(ScorecardError, match=problem) as caught:
        Scorecard.loads(json.dumps(document))
    assert "\n" not in str(caught.value)


def test_a_field_with_the_name_of_the_new_column_is_rejected_only_with_a_campaign(
    scorecard, campaign_scorer
):
    column = Column("expected_profit", "number", required=False)
    schema = replace(CUSTOMER_SCHEMA, columns=(*CUSTOMER_SCHEMA, column))
    Scorer(scorecard, schema)
    with pytest.raises(ScorecardError, match="has the name of an output column"):
        Scorer(campaign_scorer.scorecard, schema)


# --- scores -----------------------------------------------------------------------------------


def test_the_expected_profit_is_the_offers_at_the_customers_probability(campaign_scorer, customers):
    scores = campaign_scorer.score(customers)
    expected = OFFER.expected_profit(scores.probability, customers["total_charges"].to_numpy())
    np.testing.assert_array_equal(scores.expected_profit, expected)
    assert list(scores.to_frame()) == [
        "customer_id",
        "churn_prediction",
        "churn_probability",
        "expected_profit",
    ]


def test_one_customer_and_many_have_the_same_profits_and_decisions(campaign_scorer, customers):
    scores = campaign_scorer.score(customers)
    records = customers.astype(object).where(customers.notna(), None).to_dict("records")
    for position, record in enumerate(records):
        for one in (campaign_scorer.score_one(record), campaign_scorer.score_json(_json(record))):
            assert one.prediction == scores.prediction[position]
            assert one.expected_profit == pytest.approx(
                scores.row(position).expected_profit, abs=1e-9, nan_ok=True
            )


def test_a_campaign_that_decides_by_profit_predicts_where_it_is_above_0(campaign_scorer, customers):
    scores = campaign_scorer.score(customers)
    known = ~np.isnan(scores.expected_profit)
    np.testing.assert_array_equal(scores.prediction[known], scores.expected_profit[known] > 0)
    assert set(scores.prediction[known]) == {0, 1}
    by_threshold = scores.probability >= campaign_scorer.scorecard.threshold
    assert (scores.prediction != by_threshold).any()


def test_the_callers_threshold_decides_instead_of_the_profit(campaign_scorer, customers):
    everybody = campaign_scorer.score(customers, threshold=0.0)
    assert everybody.prediction.all()
    record = customers.iloc[0].to_dict()
    assert campaign_scorer.score_one(record, threshold=1.0).prediction == 0


def test_a_missing_revenue_is_not_zero_revenue_and_the_threshold_decides(
    scorecard, campaign_scorer, customers
):
    row = customers.iloc[[3]]
    probability = float(campaign_scorer.score(row).probability[0])
    for threshold, prediction in ((probability, 1), (probability + 1e-9, 0)):
        changed = campaign_scorer.scorecard.model_copy(update={"threshold": threshold})
        scorer = Scorer(changed, CUSTOMER_SCHEMA)
        record = {**row.iloc[0].to_dict(), "total_charges": None}
        for score in (scorer.score(row).row(0), scorer.score_one(record)):
            assert math.isnan(score.expected_profit)
            assert score.prediction == prediction


def test_a_revenue_too_large_to_compute_with_counts_as_missing(campaign_scorer, customer):
    rich = {**customer, "total_charges": 1e308}
    assert math.isnan(campaign_scorer.score_one(rich).expected_profit)
    assert np.isnan(campaign_scorer.score([rich]).expected_profit).all()


def test_a_campaign_with_a_threshold_decides_by_it(scorecard, customers):
    campaign = Campaign.of(OFFER, "total_charges")
    scores = Scorer(scorecard.with_campaign(campaign), CUSTOMER_SCHEMA).score(customers)
    np.testing.assert_array_equal(scores.prediction, scores.probability >= scorecard.threshold)


def test_an_invalid_row_has_no_profit(campaign_scorer, customers):
    customers.loc[7, "age"] = 300
    scores = campaign_scorer.score(customers, on_invalid="report")
    assert np.isnan(scores.expected_profit[7])
    assert scores.prediction[7] == -1


def test_a_model_without_a_campaign_returns_no_profit(scorer, customers, customer):
    assert scorer.score(customers).expected_profit is None
    assert scorer.score_one(customer).expected_profit is None
    assert "expected_profit" not in scorer.score(customers).to_frame()


def _json(record):
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in record.items()}
    return json.dumps(plain).encode()
