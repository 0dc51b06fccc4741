"""How report, model card and figures show a campaign."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from churn_model.offer import Offer
from tests.unit.training.reporting.figures import draw_figures
from tests.unit.training.reporting.test_report import section
from training.evaluation.economics import economics
from training.reporting.model_card import model_card
from training.reporting.report import report

OFFER = Offer(cost=20, success=0.3, horizon=12, margin=0.5)


@pytest.fixture(params=["threshold", "profit"])
def campaign(request, findings):
    revenue = np.linspace(20, 90, len(findings.table.churned))
    revenue[:30] = np.nan
    return economics(OFFER, findings.evaluation.held_out, revenue, decide_by=request.param)


def test_the_report_shows_the_profit_of_the_decision_with_its_interval(findings, campaign):
    shown = replace(findings, campaign=campaign)
    text = section(report(shown, draw_figures(shown)), "campaign")
    chosen = campaign.chosen
    low, high = chosen.interval
    assert (
        f"{campaign.chosen_name} {chosen.contacted:.1%} {1000 * chosen.profit:,.0f} "
        f"{1000 * low:,.0f} to {1000 * high:,.0f}"
    ) in text
    assert "measured on customers who had no part in its choice" in text
    assert "30 held-out customers without a known revenue are left out" in text
    by_profit = (
        "predicts churn if the expected profit of contacting the customer is above 0" in text
    )
    assert by_profit == (campaign.decide_by == "profit")


def test_the_model_card_shows_the_same_profit(findings, campaign):
    card = model_card(replace(findings, campaign=campaign))
    assert f"earns {campaign.chosen.profit:,.2f} per customer (95 % interval" in card
    assert "30 customers without a known revenue are left out." in card


def test_without_a_campaign_the_report_says_where_the_threshold_comes_from(findings, figures):
    text = section(report(replace(findings, decision="as chosen"), figures), "campaign")
    assert "The decision threshold is 30.0%, as chosen." in text
