"""Realised metrics equal scikit-learn's, and their intervals contain the truth as often as said."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from monitoring.realised.delong import auc
from monitoring.realised.metrics import realised_metrics


def customers(rng, n, rate=-1.4):
    log_odds = rng.normal(rate, 1.4, n)
    probability = 1 / (1 + np.exp(-log_odds))
    return (rng.random(n) < probability).astype(np.int64), probability


def measured(churned, probability, weights=None, customer=None):
    n = len(churned)
    weights = np.ones(n) if weights is None else weights
    return realised_metrics(
        churned, probability, weights, np.arange(n) if customer is None else customer
    )


def test_the_metrics_equal_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    churned, probability = customers(rng, 500)
    probability = np.round(probability, 1).clip(0.05, 0.95)  # with ties
    weights = rng.uniform(0.5, 3, 500)
    found = measured(churned, probability, weights)
    expected = {
        "auc": roc_auc_score(churned, probability, sample_weight=weights),
        "log_loss": log_loss(churned, probability, sample_weight=weights),
        "brier": brier_score_loss(churned, probability, sample_weight=weights),
        "churn_rate": np.average(churned, weights=weights),
        "calibration": (weights @ churned) / (weights @ probability),
    }
    assert {name: estimate.value for name, estimate in found.items()} == pytest.approx(expected)


def test_the_error_of_the_auc_is_that_of_delong():
    rng = np.random.default_rng(1)
    churned, probability = customers(rng, 60)
    pairs = np.sign(probability[churned == 1][:, None] - probability[churned == 0]) / 2 + 0.5
    by_churner, by_stayer = pairs.mean(axis=1), pairs.mean(axis=0)
    variance = by_churner.var() / len(by_churner) + by_stayer.var() / len(by_stayer)
    value = pairs.mean()
    found = auc(churned, probability, np.ones(60), np.arange(60))
    assert found.value == pytest.approx(value)
    assert found.error == pytest.approx(np.sqrt(variance) / (value * (1 - value)))


def test_rows_of_one_customer_are_not_independent():
    churned, probability = customers(np.random.default_rng(2), 200)
    once = measured(churned, probability)
    copies = [np.tile(values, 4) for values in (churned, probability)]
    four_times = measured(*copies, customer=np.tile(np.arange(200), 4))
    for name in ("auc", "log_loss", "brier", "calibration"):
        assert four_times[name] == pytest.approx(once[name])


def test_the_intervals_contain_the_truth_in_about_95_of_100_samples():
    rng = np.random.default_rng(3)
    churned, probability = customers(rng, 200_000)
    truth = {name: estimate.value for name, estimate in measured(churned, probability).items()}
    inside = dict.fromkeys(truth, 0)
    for _ in range(400):
        found = measured(*customers(rng, 400))
        for name, estimate in found.items():
            inside[name] += estimate.low <= truth[name] <= estimate.high
    assert all(0.92 <= count / 400 <= 0.98 for count in inside.values()), inside


def test_a_cohort_without_churners_has_no_auc_and_a_bound_of_the_calibration():
    found = measured(np.zeros(100, dtype=np.int64), np.full(100, 0.1))
    assert "auc" not in found
    assert found["calibration"].value == 0
    assert found["calibration"].high == pytest.approx(0.3689)
    assert found["churn_rate"].high > 0.02


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("label", [0, 1])
def test_few_customers_and_certain_scores_give_finite_intervals(n, p, label):
    churned = np.arange(n) % 2 == label
    found = measured(churned.astype(np.int64), np.full(n, p))
    for name, (value, low, high) in found.items():
        assert np.isfinite([value, low, high]).all(), name
        assert low <= value <= high


def test_a_perfect_order_has_an_interval_too():
    churned = np.array([0, 0, 0, 1, 1])
    found = measured(churned, np.array([0.1, 0.2, 0.3, 0.8, 0.9]))["auc"]
    assert found.value == 1
    assert 0.1 < found.low < 1
