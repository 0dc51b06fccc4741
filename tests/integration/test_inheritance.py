"""A new version takes over the champion's campaign, or its threshold, unless told otherwise."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from churn_model.scoring.scorecard import Scorecard
from pyfunc.loaded_version import read_version
from tests.integration.conftest import SMALL_FIT, call, database_uri, working_in
from training.data.simulator import simulate
from training.train import main as train

OFFER = ["--offer-cost", 20, "--offer-success", 0.3, "--horizon", 12, "--margin", 0.5]


def scorecard(folder, version) -> Scorecard:
    with working_in(folder):
        return read_version(f"models:/churn/{version}").scorer.scorecard


def trained(folder, *flags, table="customers.csv", **options):
    data = ["--data", table, "--id", "customer_id", "--target", "left=yes"]
    done = call(train, *data, *SMALL_FIT, *flags, cwd=folder, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def with_campaign(empty_database, tmp_path_factory):
    """A champion with a campaign, trained on a table that counts as real."""
    folder = tmp_path_factory.mktemp("campaign")
    shutil.copy(empty_database, folder)
    simulation = simulate(1500, seed=3)
    table = simulation.customers.assign(left=np.where(simulation.churned == 1, "yes", "no"))
    table.loc[:9, "total_charges"] = np.nan
    table.to_csv(folder / "customers.csv", index=False)
    table.drop(columns="monthly_charges").to_csv(folder / "without.csv", index=False)
    output = trained(folder, *OFFER, "--revenue", "monthly_charges", "--decide-by", "profit")
    assert "@champion as version 1" in output
    return folder


def newest(folder) -> str:
    with working_in(folder):
        return MlflowClient().get_model_version_by_alias("churn", "challenger").version


def test_without_flags_the_campaign_is_taken_over_and_named(with_campaign):
    output = trained(with_campaign)
    assert "the campaign of version 1, the champion, is taken over" in output
    assert "decided by profit" in output
    campaign = scorecard(with_campaign, newest(with_campaign)).campaign
    assert campaign == scorecard(with_campaign, 1).campaign
    client = MlflowClient(database_uri(with_campaign))
    run = client.get_run(client.get_model_version("churn", newest(with_campaign)).run_id)
    assert run.data.metrics["campaign_profit/low"] < run.data.metrics["campaign_profit"]
    assert run.data.params["campaign/decide_by"] == "profit"


def test_the_way_to_decide_can_be_changed_without_repeating_the_offer(with_campaign):
    trained(with_campaign, "--contact-at-most", 300)
    card = scorecard(with_campaign, newest(with_campaign))
    assert card.campaign.decide_by == "threshold"
    assert card.campaign.contact_at_most == 0.2
    assert card.campaign.offer == scorecard(with_campaign, 1).campaign.offer


@pytest.mark.parametrize(
    ("flags", "offer_cost"),
    [
        (["--campaign", "none"], None),
        ([*OFFER, "--offer-cost", 5, "--revenue", "monthly_charges"], 5),
    ],
)
def test_the_users_own_flags_come_first(with_campaign, flags, offer_cost):
    output = trained(with_campaign, *flags)
    assert "taken over" not in output
    card = scorecard(with_campaign, newest(with_campaign))
    assert (card.campaign.offer_cost if card.campaign else None) == offer_cost
    assert card.threshold == 0.5 or card.campaign


def test_without_the_revenue_field_only_the_threshold_is_taken_over(with_campaign):
    output = trained(with_campaign, table="without.csv")
    assert "needs the numerical field 'monthly_charges'; only its threshold is taken over" in output
    card = scorecard(with_campaign, newest(with_campaign))
    assert card.campaign is None
    assert card.threshold == scorecard(with_campaign, 1).threshold


def test_a_limit_of_contacts_sets_the_threshold_which_the_next_version_takes_over(
    with_campaign, workplace
):
    shutil.copy(with_campaign / "customers.csv", workplace)
    output = trained(workplace, "--contact-at-most", 150)
    assert "which contacts at most 10.0% of the customers" in output
    first = scorecard(workplace, 1)
    assert first.campaign is None
    table = pd.read_csv(workplace / "customers.csv")
    with working_in(workplace):
        scores = read_version("models:/churn/1").scorer.score(table.drop(columns="left"))
    assert 0.05 < scores.prediction.mean() < 0.15
    output = trained(workplace, "--seed", 1)
    assert "the threshold of version 1, the champion, is taken over" in output
    assert scorecard(workplace, 2).threshold == first.threshold != 0.5


def test_nothing_is_taken_over_from_a_champion_of_simulated_customers(with_campaign, workplace):
    shutil.copy(with_campaign / "customers.csv", workplace)
    done = call(train, "--rows", 600, *SMALL_FIT, *OFFER, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert scorecard(workplace, 1).campaign is not None
    assert "taken over" not in trained(workplace)
    assert scorecard(workplace, 2).campaign is None
