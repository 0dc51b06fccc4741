"""The routes of a model with a campaign return the expected profit; others do not change."""

from __future__ import annotations

import json

import pytest

from serving.api.openapi import document
from serving.served_model import ServedModel
from tests.customers import CUSTOMER
from tests.unit.serving.conftest import Application

UNKNOWN = {**CUSTOMER, "total_charges": None}
BOTH = [CUSTOMER, UNKNOWN]


@pytest.fixture
def campaign(campaign_scorer):
    return Application(ServedModel("churn", "1", "champion", "", campaign_scorer))


@pytest.fixture
def profit(campaign_scorer):
    return campaign_scorer.score_one(CUSTOMER).expected_profit


def test_a_single_customer_has_an_expected_profit_and_null_without_revenue(campaign, profit):
    reply = campaign.post("/predict/single", CUSTOMER).json()
    assert list(reply) == [
        "customer_id",
        "churn_prediction",
        "churn_probability",
        "expected_profit",
    ]
    assert reply["expected_profit"] == pytest.approx(profit, abs=1e-9)
    assert campaign.post("/predict/single", UNKNOWN).json()["expected_profit"] is None


@pytest.mark.parametrize("customers", [[CUSTOMER], [UNKNOWN], BOTH])
def test_predict_lists_the_expected_profits(campaign, profit, customers):
    reply = campaign.post("/predict", {"customers": customers}).json()
    expected = [None if each is UNKNOWN else pytest.approx(profit, abs=1e-9) for each in customers]
    assert reply["expected_profits"] == expected


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ({"inputs": BOTH}, "application/json"),
        ({"inputs": BOTH, "params": {"on_invalid": "report"}}, "application/json"),
        (
            b"customer_id,age,tenure,monthly_charges,total_charges\nC1,42,12,70.5,846\nC1,42,12,70.5,\n",
            "text/csv",
        ),
    ],
)
def test_invocations_return_the_expected_profit_of_each_customer(
    campaign, profit, body, content_type
):
    rows = campaign.post("/invocations", body, content_type).json()["predictions"]
    assert [row["expected_profit"] for row in rows] == [pytest.approx(profit, abs=1e-9), None]


def test_an_invalid_customer_has_a_null_profit(campaign):
    body = {"inputs": [{**CUSTOMER, "age": 300}], "params": {"on_invalid": "report"}}
    (row,) = campaign.post("/invocations", body).json()["predictions"]
    assert row["expected_profit"] is None
    assert row["error"]


def test_the_replies_and_the_document_of_other_models_name_no_profit(application, served):
    app = application()
    for path, body in (
        ("/predict/single", CUSTOMER),
        ("/predict", {"customers": BOTH}),
        ("/invocations", {"inputs": BOTH}),
    ):
        assert b"profit" not in app.post(path, body).body
    assert "profit" not in json.dumps(document(served, keys=False))


def test_the_document_describes_the_expected_profit(campaign):
    schemas = document(campaign.served, keys=False)["components"]["schemas"]
    assert "expected_profit" in schemas["Score"]["required"]
    assert schemas["Score"]["properties"]["expected_profit"]["type"] == ["number", "null"]
    assert "expected_profits" in schemas["Predictions"]["required"]
