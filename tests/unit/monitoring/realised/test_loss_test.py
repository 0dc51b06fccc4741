"""The test of the realised loss finds a weaker relation, and ignores what is no decline."""

from datetime import date, timedelta

import numpy as np
import pytest

from churn_model.arrays import sigmoid
from monitoring.estimation.calibration_map import CalibrationMap
from monitoring.labels.matched import Matched
from monitoring.realised.confidence_sequence import lower_bounds
from monitoring.realised.loss_test import loss_test, recalibrated_loss_test

PERFECT = CalibrationMap(np.array([0.0, 1.0]), np.zeros((2, 2)))
UNCERTAIN = CalibrationMap(np.array([0.0, 1.0]), 0.05 * np.eye(2))


def stream(truth, *, months=12, n=1500, seed=0, shift=0.0):
    """``truth``: the true log-odds, given the predicted ones and the month of each customer."""
    rng = np.random.default_rng(seed)
    month = np.repeat(np.arange(months), n)
    log_odds = rng.normal(-1.4 + shift, 1.4, len(month))
    churned = rng.random(len(month)) < sigmoid(truth(log_odds, month))
    days = (np.datetime64("2025-01") + month).astype("datetime64[D]")
    everyone = np.arange(len(month))
    return Matched(
        everyone,
        everyone,
        days,
        churned.astype(np.int64),
        sigmoid(log_odds),
        np.ones(len(month)),
        month,
        timedelta(days=30),
        0,
        1.0,
    )


def run(test, matched, calibration=PERFECT):
    return test(matched, calibration, tolerance=0.005, error=0.05)


def unchanged(log_odds, month):
    return log_odds


def weaker(log_odds, month):
    return np.where(month >= 6, -0.9 + 0.3 * log_odds, log_odds)


def more_churn(log_odds, month):
    return log_odds + 0.7 * (month >= 6)


@pytest.mark.parametrize("test", [loss_test, recalibrated_loss_test])
@pytest.mark.parametrize("shift", [0.0, 1.2, -1.2])
def test_another_mix_of_customers_is_no_decline(test, shift):
    assert not run(test, stream(unchanged, shift=shift)).is_worse


@pytest.mark.parametrize("test", [loss_test, recalibrated_loss_test])
def test_a_weaker_relation_is_found_with_the_month_in_which_it_began(test):
    found = run(test, stream(weaker))
    assert found.is_worse
    assert found.since == date(2025, 7, 1)
    assert found.excess > 0.01


def test_a_higher_churn_rate_is_a_loss_that_recalibration_repairs():
    matched = stream(more_churn)
    assert run(loss_test, matched).is_worse
    assert not run(recalibrated_loss_test, matched).is_worse


def test_a_long_good_past_does_not_hide_a_decline():
    def late(log_odds, month):
        return np.where(month >= 36, -0.9 + 0.3 * log_odds, log_odds)

    found = run(loss_test, stream(late, months=40))
    assert found.is_worse
    assert found.since == date(2028, 1, 1)


def test_an_uncertain_reference_raises_the_limit():
    matched = stream(unchanged, months=2)
    assert run(loss_test, matched, UNCERTAIN).limit > run(loss_test, matched).limit + 0.01


def test_the_result_does_not_depend_on_when_it_is_asked_for():
    matched = stream(weaker)
    known = [run(loss_test, matched.take(matched.cohort <= month)) for month in range(12)]
    first = next(i for i, found in enumerate(known) if found.is_worse)
    assert all(found.is_worse for found in known[first:])
    assert not any(found.is_worse for found in known[:6])


def test_a_decline_that_is_over_is_not_lasting():
    def for_a_while(log_odds, month):
        return np.where((month >= 3) & (month < 6), -0.9 + 0.3 * log_odds, log_odds)

    during = run(loss_test, stream(for_a_while, months=6))
    after = run(loss_test, stream(for_a_while, months=12))
    assert (during.is_worse, during.is_lasting) == (True, True)
    assert (after.is_worse, after.is_lasting) == (True, False)


def test_few_customers_prove_nothing():
    assert not run(loss_test, stream(weaker, n=3)).is_worse


def test_the_lower_bounds_hold_at_all_times():
    rng = np.random.default_rng(1)
    above = [
        (lower_bounds((rng.random(2000) < 0.3).astype(float), 0.1) > 0.3).any() for _ in range(300)
    ]
    assert np.mean(above) <= 0.1


def test_the_lower_bounds_approach_the_mean():
    values = (np.random.default_rng(2).random(50_000) < 0.3).astype(float)
    assert 0.28 < lower_bounds(values, 0.05)[-1] < 0.3
