"""Calibration: in total, in spread and bin by bin, and what its gates refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from training.evaluation.calibration import Calibration, calibration
from training.evaluation.gates import check_gates, failed_gates, load_gates

CALIBRATION = ("calibration_error", "observed_expected", "calibration_slope")
LIMITS = {name: load_gates().absolute[name] for name in CALIBRATION}


def risks(rows: int, rate: float, rng) -> np.ndarray:
    """True risks (rows,) with a mean of about ``rate``."""
    return expit(logit(rate) - 0.4 + rng.normal(0, 1, rows))


def measured(risk, seed: int, predicted=None) -> Calibration:
    """The calibration of predictions for customers with these risks."""
    churned = (np.random.default_rng(seed).random(len(risk)) < risk).astype(np.int64)
    churned[:2] = 0, 1
    customers, weights = np.arange(len(risk)), np.ones(len(risk))
    return calibration(churned, risk if predicted is None else predicted, weights, customers)


def share_passing(rows: int, rate: float, change, seeds: int = 100) -> float:
    passing = 0
    for seed in range(seeds):
        risk = risks(rows, rate, np.random.default_rng(seed))
        found = measured(risk, seed + 1000, change(risk))
        passing += not failed_gates(check_gates(LIMITS, found.gate_values()))
    return passing / seeds


@pytest.mark.parametrize("rows", [300, 3000])
@pytest.mark.parametrize("rate", [0.02, 0.2])
def test_a_perfect_model_passes_whatever_the_number_of_customers(rows, rate):
    assert share_passing(rows, rate, lambda risk: risk) >= 0.97


def test_a_model_that_predicts_three_times_too_much_fails_even_if_churn_is_rare():
    assert share_passing(3000, 0.02, lambda risk: np.minimum(3 * risk, 0.999)) == 0.0


@pytest.mark.parametrize(("factor", "name"), [(3.0, "slope and 1"), (0.3, "slope and 1")])
def test_probabilities_that_are_too_extreme_or_too_similar_fail(factor, name):
    risk = risks(5000, 0.3, np.random.default_rng(0))
    centre = logit(risk).mean()
    found = measured(risk, 1, expit(centre + factor * (logit(risk) - centre)))
    assert any(name in text for text in failed_gates(check_gates(LIMITS, found.gate_values())))
    assert found.slope == pytest.approx(1 / factor, rel=0.1)


def test_an_error_in_the_middle_that_total_and_slope_do_not_show_fails():
    predicted = np.linspace(0.2, 0.8, 6000)
    risk = predicted + 0.15 * np.sin(4 * np.pi * (predicted - 0.2) / 0.6)
    found = measured(risk, 1, predicted)
    assert found.ratio_interval.low < 1 < found.ratio_interval.high
    assert found.gate_values()["calibration_slope"] < 1.5
    assert found.gate_values()["calibration_error"] > 0.05


def test_the_slope_equals_that_of_an_unpenalised_logistic_regression():
    rng = np.random.default_rng(0)
    risk = risks(2000, 0.2, rng)
    churned = (rng.random(2000) < risk).astype(np.int64)
    predicted, weights = risk**0.7, rng.uniform(0.5, 2, 2000)
    reference = LogisticRegression(C=np.inf, tol=1e-10)
    reference.fit(logit(predicted)[:, None], churned, sample_weight=weights)
    found = calibration(churned, predicted, weights, np.arange(2000))
    assert found.slope == pytest.approx(reference.coef_[0, 0], abs=1e-5)
    assert found.ratio == pytest.approx(churned @ weights / (predicted @ weights))


def test_copies_of_rows_of_the_same_customers_do_not_narrow_the_intervals():
    rng = np.random.default_rng(0)
    risk = risks(1000, 0.2, rng)
    churned = (rng.random(1000) < risk).astype(np.int64)
    once = calibration(churned, risk, np.ones(1000), np.arange(1000))
    twice = calibration(
        *(np.tile(each, 2) for each in (churned, risk, np.ones(1000), np.arange(1000)))
    )
    assert twice.ratio_interval == pytest.approx(once.ratio_interval)
    assert twice.slope_interval == pytest.approx(once.slope_interval)
    assert twice.excess == pytest.approx(once.excess, abs=0.005)


def test_intervals_contain_the_true_value_in_about_95_of_100_samples():
    contained = {"ratio_interval": 0, "slope_interval": 0}
    for seed in range(200):
        found = measured(risks(1000, 0.1, np.random.default_rng(seed)), seed + 1000)
        for name in contained:
            low, high = getattr(found, name)
            contained[name] += low <= 1 <= high
    assert all(180 <= count <= 199 for count in contained.values()), contained


def test_equal_probabilities_have_no_slope_and_are_checked_by_the_rest():
    churned = np.array([0, 0, 0, 1] * 50)
    found = calibration(churned, np.full(200, 0.25), np.ones(200), np.arange(200))
    assert math.isnan(found.slope)
    assert failed_gates(check_gates(LIMITS, found.gate_values())) == []


def test_log_odds_that_separate_the_classes_have_no_slope():
    churned = np.array([0, 1] * 50)
    found = calibration(churned, 0.3 + 0.4 * churned, np.ones(100), np.arange(100))
    assert math.isnan(found.slope)


def test_a_model_without_order_fails_by_its_slope():
    risk = risks(20_000, 0.3, np.random.default_rng(0))
    found = measured(risk, 1, risk[::-1])
    assert found.gate_values()["calibration_slope"] > 1.5


def test_a_challenger_that_is_better_calibrated_than_the_champion_passes():
    risk = risks(5000, 0.1, np.random.default_rng(0))
    champion, challenger = (measured(risk, 1, factor * risk) for factor in (2.0, 1.6))
    assert failed_gates(check_gates(LIMITS, challenger.gate_values())) != []
    assert failed_gates(check_gates(LIMITS, challenger.gate_values_against(champion))) == []
    assert failed_gates(check_gates(LIMITS, champion.gate_values_against(challenger))) != []
