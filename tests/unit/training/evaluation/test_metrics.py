import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from training.evaluation.metrics import METRICS, Ranked, base_rate_log_loss, metrics


def scored(n=500, seed=0, digits=6):
    rng = np.random.default_rng(seed)
    probability = np.round(rng.random(n) ** 2, digits)
    churned = (rng.random(n) < probability).astype(np.int64)
    churned[:2] = 0, 1
    return churned, probability, rng.uniform(0.1, 3.0, n)


@given(st.integers(0, 10_000), st.integers(3, 300), st.integers(1, 6))
def test_metrics_are_those_of_scikit_learn_with_weights_and_ties(seed, n, digits):
    churned, probability, weights = scored(n, seed, digits)
    found = metrics(churned, probability, weights)
    for name, theirs in (
        ("auc", roc_auc_score),
        ("average_precision", average_precision_score),
        ("log_loss", log_loss),
        ("brier", brier_score_loss),
    ):
        expected = theirs(churned, probability, sample_weight=weights)
        assert found[name] == pytest.approx(expected, rel=1e-9, abs=1e-12), name


def test_every_metric_has_a_name_for_people():
    churned, probability, _ = scored()
    assert list(metrics(churned, probability)) == list(METRICS)


def test_a_weight_counts_a_customer_that_often():
    churned, probability, _ = scored(200)
    times = np.random.default_rng(1).integers(1, 4, 200)
    repeated = metrics(np.repeat(churned, times), np.repeat(probability, times))
    weighted = metrics(churned, probability, times.astype(float))
    for name in METRICS:  # calibration's bins hold equal counts of rows, so they differ a little
        assert weighted[name] == pytest.approx(
            repeated[name], abs=0.02 if name == "calibration_error" else 1e-9
        )


def test_a_perfect_and_a_blind_model():
    churned = np.array([0, 0, 0, 1] * 25)
    perfect = metrics(churned, np.where(churned == 1, 1 - 1e-9, 1e-9))
    assert perfect["auc"] == perfect["average_precision"] == pytest.approx(1.0)
    assert perfect["lift_10"] == pytest.approx(4.0)
    assert perfect["recall_20"] == pytest.approx(0.8)
    assert perfect["log_loss"] == pytest.approx(0, abs=1e-6)
    blind = metrics(churned, np.full(100, 0.25))
    assert blind["auc"] == pytest.approx(0.5)
    assert blind["brier"] == pytest.approx(0.1875)
    assert blind["lift_10"] == pytest.approx(1.0)
    assert blind["log_loss"] == pytest.approx(base_rate_log_loss(churned, np.ones(100)))


def test_calibration_error_is_the_distance_between_predicted_and_seen():
    churned = np.array([0, 1] * 50)
    assert metrics(churned, np.full(100, 0.9))["calibration_error"] == pytest.approx(0.4)


def test_the_gains_curve_runs_from_nobody_to_everybody():
    churned, probability, weights = scored()
    reached, captured = Ranked(churned, probability).gains(weights)
    assert reached[0] == captured[0] == 0
    assert reached[-1] == captured[-1] == 1
    assert (np.diff(reached) > 0).all()
    assert (np.diff(captured) >= 0).all()
