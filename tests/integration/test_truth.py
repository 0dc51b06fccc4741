"""Where the truth is known: intervals hold it, and the threshold earns nearly all there is."""

import numpy as np
import pytest

from churn_model.schema import CUSTOMER_SCHEMA
from training.data.simulator import simulate
from training.evaluation.economics import Offer, economics, profit_curve
from training.evaluation.evaluation import evaluate
from training.evaluation.intervals import percentile, resamples, without_noise
from training.evaluation.metrics import Ranked
from training.fitting.splits import by_folds

OFFER = Offer(cost=20, success=0.3, horizon=12, margin=0.5)
SEEDS = 100
METRICS = ("auc", "average_precision", "log_loss", "brier", "lift_10", "recall_20")


def customers(n, seed):
    """Scored customers whose true churn probability is known, and a little off the score."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(1.2, 3.5, n)
    score = np.clip(truth * rng.uniform(0.7, 1.25, n), 0.001, 0.999)
    return (rng.random(n) < truth).astype(np.int64), score


def test_intervals_hold_the_truth_in_about_95_of_100_seeds():
    true = Ranked(*customers(1_000_000, 1)).metrics(np.ones(1_000_000))
    held = dict.fromkeys(METRICS, 0)
    for seed in range(SEEDS):
        ranked = Ranked(*customers(1000, 1000 + seed))
        drawn = [
            ranked.metrics(counts)
            for counts, _ in zip(resamples(1000, seed), range(200), strict=False)
        ]
        for metric in METRICS:
            low, high = percentile(np.array([each[metric] for each in drawn]))
            held[metric] += low <= true[metric] <= high
    for metric, count in held.items():
        assert 89 <= count <= 99, (metric, count)


@pytest.mark.parametrize(("factor", "fewest", "most"), [(1.0, 89, 100), (0.85, 85, 100)])
def test_a_calibration_errors_interval_leaves_out_what_chance_adds(factor, fewest, most):
    def draw(n, seed):
        rng = np.random.default_rng(seed)
        truth = rng.beta(1.2, 3.5, n)
        return Ranked((rng.random(n) < truth).astype(np.int64), truth * factor)

    true = draw(1_000_000, 1).metrics(np.ones(1_000_000))["calibration_error"]
    held = 0
    for seed in range(SEEDS):
        ranked = draw(1000, 1000 + seed)
        drawn = [
            ranked.metrics(counts)["calibration_error"]
            for counts, _ in zip(resamples(1000, seed), range(200), strict=False)
        ]
        low, high = without_noise(np.array(drawn), ranked.calibration_noise(np.ones(1000)))
        held += low <= (0.0 if factor == 1 else true) <= high
    assert fewest <= held <= most


def test_the_threshold_earns_nearly_what_the_truth_would():
    simulation = simulate(10_000, seed=1)
    splits = by_folds(simulation.churned, folds=2, repeats=1, seed=0)
    scores = evaluate(simulation.customers, simulation.churned, CUSTOMER_SCHEMA, splits).held_out
    revenue = simulation.customers["monthly_charges"].to_numpy()
    found = economics(OFFER, scores, revenue)
    # what each contact is worth on average, as only the simulator knows
    value = revenue * 12 * 0.5
    truth = simulation.probability
    worth = truth * 0.3 * (value - 20) - (1 - truth) * 20
    _, best, _ = profit_curve(truth, worth, np.ones(len(truth)))
    chosen = scores.probability >= found.threshold
    earned = worth[scores.rows][chosen].sum() / len(truth)
    assert earned >= 0.97 * best.max()
