"""Treated customers are left out, or untreated ones with the same scores represent them."""

import numpy as np
import pytest

from churn_model.profile.score_bins import score_bins
from monitoring.realised.metrics import realised_metrics
from monitoring.windows import Population
from tests.unit.monitoring.labels.labels import matched, options, write_labels
from tests.unit.monitoring.logs import day, write_log

SERVE = Population("churn", "1", "serve")


@pytest.fixture
def campaign(tmp_path, scorer, customers):
    """A campaign on half of the customers above 30 %, all of whom it keeps.

    All customers have three rows of the same score, so that each treated one has likes.
    """
    log = tmp_path / "log"
    frame = customers[:400].loc[np.repeat(np.arange(400), 3)].reset_index(drop=True)
    frame = frame.assign(customer_id=[f"T{i}" for i in range(len(frame))])
    write_log(log, scorer, frame, day("2026-03-01"))
    probability = scorer.score(frame).probability
    rng = np.random.default_rng(1)
    treated = (probability > 0.3) & (np.arange(len(frame)) % 3 > 0)
    churned = (rng.random(len(frame)) < probability) & ~treated
    rows = [
        {"customer_id": name, "observed": "2026-03-05", "churned": int(y), "contacted": int(t)}
        for name, y, t in zip(frame["customer_id"], churned, treated, strict=True)
    ]
    return log, write_labels(tmp_path, rows), treated


def test_treated_customers_are_excluded(campaign):
    log, file, treated = campaign
    found = matched(log, options(file, treatment="contacted=1"))[SERVE]
    assert found.treated == treated.sum()
    assert len(found) == (~treated).sum()
    assert found.coverage == pytest.approx((~treated).mean())
    assert (found.weights == 1).all()


def test_untreated_customers_stand_in_for_treated_ones_of_the_same_score(campaign):
    log, file, treated = campaign
    everyone = matched(log, options(file))[SERVE]
    found = matched(log, options(file, treatment="contacted=1", treated="weight"))[SERVE]
    assert len(found) == (~treated).sum()
    assert found.coverage == 1
    bins = [
        np.bincount(score_bins(each.probability), each.weights, 202) for each in (everyone, found)
    ]
    assert bins[0] == pytest.approx(bins[1])


def test_scores_of_which_all_customers_were_treated_are_reported_as_coverage(
    tmp_path, scorer, customers
):
    log = tmp_path / "log"
    chosen = customers[:200]
    write_log(log, scorer, chosen, day("2026-03-01"))
    bins = score_bins(scorer.score(chosen).probability)
    treated = bins > np.median(bins)
    rows = [
        {"customer_id": name, "observed": "2026-03-05", "churned": 0, "contacted": int(t)}
        for name, t in zip(chosen["customer_id"], treated, strict=True)
    ]
    given = options(write_labels(tmp_path, rows), treatment="contacted=1", treated="weight")
    assert matched(log, given)[SERVE].coverage == pytest.approx((~treated).mean())


def test_a_successful_campaign_looks_like_a_failing_model_unless_it_is_named(campaign):
    log, file, _ = campaign

    def calibration(**changes):
        found = matched(log, options(file, **changes))[SERVE]
        metrics = realised_metrics(found.churned, found.probability, found.weights, found.customer)
        return metrics["calibration"]

    assert calibration().high < 1
    for treated in ("exclude", "weight"):
        named = calibration(treatment="contacted=1", treated=treated)
        assert named.low < 1 < named.high


def test_a_population_of_treated_customers_only_is_left_out(tmp_path, scorer, customers):
    log = tmp_path / "log"
    write_log(log, scorer, customers[:1], day("2026-03-01"))
    row = {
        "customer_id": customers["customer_id"].iloc[0],
        "observed": "2026-03-05",
        "churned": 0,
        "contacted": 1,
    }
    given = options(write_labels(tmp_path, [row]), treatment="contacted=1")
    assert matched(log, given) == {}
