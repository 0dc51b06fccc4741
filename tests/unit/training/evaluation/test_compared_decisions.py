"""The decisions of two versions, and what they earn, on the same simulated customers."""

from __future__ import annotations

import numpy as np
import pytest

from churn_model.offer import Offer
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from churn_model.scoring.campaign import Campaign
from training.data.table import simulated_table
from training.evaluation import intervals
from training.evaluation.comparison import compare
from training.evaluation.gates import check_gates, failed_gates, load_gates

OFFER = Offer(cost=20, success=0.3, horizon=12, margin=0.5)
CAMPAIGN = Campaign.of(OFFER, "monthly_charges")


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(intervals, "_MOST_RESAMPLES", 200)


@pytest.fixture
def table():
    return simulated_table(1500, 4)


@pytest.fixture
def version(scorecard):
    """Makes versions of one scorecard that decide differently."""

    def make(threshold=0.5, campaign=None):
        card = scorecard.model_copy(update={"threshold": threshold})
        return Scorer(card if campaign is None else card.with_campaign(campaign), CUSTOMER_SCHEMA)

    return make


def gate_texts(comparison) -> str:
    limits = {
        name: limit
        for name, limit in load_gates().challenger.items()
        if name in ("profit", "contacted") and name in comparison.values()
    }
    return "; ".join(failed_gates(check_gates(limits, comparison.values())))


def test_each_version_is_valued_at_its_own_decisions(version, table):
    champion, challenger = version(0.2, CAMPAIGN), version(0.9)
    comparison = compare(champion, challenger, table)
    scores = champion.score(table.customers)
    gains = OFFER.expected_profit(
        table.churned.astype(float), table.customers["monthly_charges"].to_numpy()
    )
    assert comparison.campaign == "champion"
    assert comparison.contacted.champion == pytest.approx(scores.prediction.mean())
    assert comparison.profit.champion == pytest.approx((gains * scores.prediction).mean())
    low, high = comparison.profit.interval
    assert low < comparison.profit.difference < high


def test_a_version_that_decides_by_profit_is_valued_by_these_decisions(version, table):
    by_profit = CAMPAIGN.model_copy(update={"decide_by": "profit"})
    comparison = compare(version(), version(campaign=by_profit), table)
    scores = version(campaign=by_profit).score(table.customers)
    assert comparison.contacted.challenger == pytest.approx((scores.expected_profit > 0).mean())
    assert comparison.campaign == "challenger"


def test_equal_versions_differ_in_nothing_and_pass(version, table):
    comparison = compare(version(0.3, CAMPAIGN), version(0.3, CAMPAIGN), table)
    assert comparison.profit.interval == comparison.contacted.interval == (0, 0)
    assert gate_texts(comparison) == ""


def test_a_challenger_that_earns_significantly_less_does_not_pass(version, table):
    profitable = compare(version(1.0), version(0.5, CAMPAIGN), table)
    assert profitable.profit.interval.low > 0
    comparison = compare(version(0.5, CAMPAIGN), version(1.0), table)
    assert "difference in profit per customer" in gate_texts(comparison)


def test_a_large_change_of_the_contacted_share_does_not_pass(version, table):
    for thresholds in ((0.2, 0.8), (0.8, 0.2)):
        comparison = compare(*map(version, thresholds), table)
        assert "change of the share of customers predicted to churn" in gate_texts(comparison)
    assert gate_texts(compare(version(0.5), version(0.51), table)) == ""


def test_without_a_campaign_or_a_known_revenue_no_profit_is_compared(version, table):
    assert "profit" not in compare(version(), version(), table).values()
    unknown = Campaign.of(OFFER, "total_charges")
    table.customers["total_charges"] = np.nan
    assert compare(version(campaign=unknown), version(), table).profit is None


def test_customers_without_a_known_revenue_are_left_out_of_the_profit(version, table):
    campaign = Campaign.of(OFFER, "total_charges")
    known = table.customers["total_charges"].notna().to_numpy()
    assert not known.all()
    comparison = compare(version(0.2, campaign), version(0.5), table)
    alone = compare(version(0.2, campaign), version(0.5), table.take(np.flatnonzero(known)))
    assert comparison.profit.champion == pytest.approx(alone.profit.champion)
    assert comparison.profit.difference == pytest.approx(alone.profit.difference)
