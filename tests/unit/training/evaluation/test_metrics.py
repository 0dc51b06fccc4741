import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from training.evaluation.metrics import (
    METRICS,
    RankedScores,
    base_rate_log_loss,
    metrics,
    roc_auc,
)


def scored(n=500, seed=0, digits=6):
    rng = np.random.default_rng(seed)
    probability = np.round(rng.random(n) ** 2, digits)
    churned = (rng.random(n) < probability).astype(np.int64)
    churned[:2] = 0, 1
    return churned, probability, rng.uniform(0.1, 3.0, n)


@given(st.integers(0, 10_000), st.integers(3, 300), st.integers(1, 6))
@settings(max_examples=50)
def test_metrics_equal_those_of_scikit_learn_with_weights_and_ties(seed, n, digits):
    churned, probability, weights = scored(n, seed, digits)
    values = metrics(churned, probability, weights)
    for name, reference in (
        ("auc", roc_auc_score),
        ("average_precision", average_precision_score),
        ("log_loss", log_loss),
        ("brier", brier_score_loss),
    ):
        expected = reference(churned, probability, sample_weight=weights)
        assert values[name] == pytest.approx(expected, rel=1e-9, abs=1e-12), name


@given(st.integers(0, 10_000), st.integers(3, 300), st.integers(0, 3))
@settings(max_examples=50)
def test_the_auc_of_any_score_equals_that_of_scikit_learn(seed, n, digits):
    churned, _, weights = scored(n, seed)
    score = np.round(np.random.default_rng(seed).normal(-1, 2, n), digits)  # below 0, with ties
    for weighting in (weights, None):
        expected = roc_auc_score(churned, score, sample_weight=weighting)
        assert roc_auc(churned, score, weighting) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_an_infinite_score_ranks_first_or_last():
    churned = np.array([1, 0, 1, 0])
    assert roc_auc(churned, np.array([np.inf, 1.0, 2.0, -np.inf])) == 1.0
    assert roc_auc(churned, np.array([-np.inf, 1.0, -np.inf, -np.inf])) == 0.25


def test_every_metric_has_a_display_name():
    churned, probability, _ = scored()
    assert list(metrics(churned, probability)) == list(METRICS)


def test_a_weight_of_two_equals_the_customer_twice():
    churned, probability, _ = scored(200)
    times = np.random.default_rng(1).integers(1, 4, 200)
    repeated = metrics(np.repeat(churned, times), np.repeat(probability, times))
    weighted = metrics(churned, probability, times.astype(float))
    for name in METRICS:  # calibration bins have equal counts of rows, so they differ a little
        assert weighted[name] == pytest.approx(
            repeated[name], abs=0.02 if name == "calibration_error" else 1e-9
        )


def test_a_perfect_model_has_the_best_metrics_and_a_constant_one_those_of_the_base_rate():
    churned = np.array([0, 0, 0, 1] * 25)
    perfect = metrics(churned, np.where(churned == 1, 1 - 1e-9, 1e-9))
    assert perfect["auc"] == perfect["average_precision"] == pytest.approx(1.0)
    assert perfect["lift_10"] == pytest.approx(4.0)
    assert perfect["recall_20"] == pytest.approx(0.8)
    assert perfect["log_loss"] == pytest.approx(0, abs=1e-6)
    constant = metrics(churned, np.full(100, 0.25))
    assert constant["auc"] == pytest.approx(0.5)
    assert constant["brier"] == pytest.approx(0.1875)
    assert constant["lift_10"] == pytest.approx(1.0)
    assert constant["log_loss"] == pytest.approx(base_rate_log_loss(churned, np.ones(100)))


def test_calibration_error_is_the_gap_between_predicted_and_observed_churn_rate():
    churned = np.array([0, 1] * 50)
    assert metrics(churned, np.full(100, 0.9))["calibration_error"] == pytest.approx(0.4)


def test_the_gains_curve_rises_from_nobody_to_everybody():
    churned, probability, weights = scored()
    contacted, recall = RankedScores(churned, probability).gains(weights)
    assert contacted[0] == recall[0] == 0
    assert contacted[-1] == recall[-1] == 1
    assert (np.diff(contacted) > 0).all()
    assert (np.diff(recall) >= 0).all()
