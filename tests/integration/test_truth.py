"""Claims about simulated customers, whose true churn probability is known."""

import numpy as np
import pytest

from churn_model.schema import CUSTOMER_SCHEMA
from training.data.simulator import simulate
from training.evaluation.economics import Offer, economics, profit_curve
from training.evaluation.held_out_scores import HeldOutScores
from training.evaluation.intervals import noise_corrected, percentile, resamples
from training.evaluation.metrics import RankedScores
from training.fitting.fit import FitSettings
from training.fitting.labelled_rows import LabelledRows
from training.fitting.splits import by_folds

OFFER = Offer(cost=20, success=0.3, horizon=12, margin=0.5)
SEEDS = 100
METRICS = ("auc", "average_precision", "log_loss", "brier", "lift_10", "recall_20")


def customers(n, seed):
    """Labels and scores; the scores differ a little from the true probabilities."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(1.2, 3.5, n)
    score = np.clip(truth * rng.uniform(0.7, 1.25, n), 0.001, 0.999)
    return (rng.random(n) < truth).astype(np.int64), score


def test_intervals_contain_the_true_value_in_about_95_of_100_samples():
    true = RankedScores(*customers(1_000_000, 1)).metrics(np.ones(1_000_000))
    covered = dict.fromkeys(METRICS, 0)
    for seed in range(SEEDS):
        ranked = RankedScores(*customers(1000, 1000 + seed))
        drawn = [
            ranked.metrics(counts)
            for counts, _ in zip(resamples(1000, seed), range(200), strict=False)
        ]
        for metric in METRICS:
            low, high = percentile(np.array([each[metric] for each in drawn]))
            covered[metric] += low <= true[metric] <= high
    for metric, count in covered.items():
        assert 89 <= count <= 99, (metric, count)


@pytest.mark.parametrize(("factor", "fewest", "most"), [(1.0, 89, 100), (0.85, 85, 100)])
def test_a_calibration_errors_interval_is_corrected_for_sampling_noise(factor, fewest, most):
    def draw(n, seed):
        rng = np.random.default_rng(seed)
        truth = rng.beta(1.2, 3.5, n)
        return RankedScores((rng.random(n) < truth).astype(np.int64), truth * factor)

    true = draw(1_000_000, 1).calibration_error(np.ones(1_000_000))
    covered = 0
    for seed in range(SEEDS):
        ranked = draw(1000, 1000 + seed)
        drawn = [
            ranked.calibration_error(counts)
            for counts, _ in zip(resamples(1000, seed), range(200), strict=False)
        ]
        low, high = noise_corrected(
            np.array(drawn), ranked.calibration_noise(np.ones(1000), np.arange(1000))
        )
        covered += low <= (0.0 if factor == 1 else true) <= high
    assert fewest <= covered <= most


def test_the_threshold_earns_nearly_the_best_possible_profit():
    simulation = simulate(10_000, seed=1)
    splits = by_folds(simulation.churned, folds=2, repeats=1, seed=0)
    weights = np.ones(10_000)
    rows = LabelledRows.unweighted(simulation.customers, simulation.churned, CUSTOMER_SCHEMA)
    held_out_scores = HeldOutScores(rows, splits)
    for split_index in range(2):
        held_out_scores.score(split_index, FitSettings(outer_bags=4))
    scores = held_out_scores.evaluation().held_out
    revenue = simulation.customers["monthly_charges"].to_numpy()
    campaign = economics(OFFER, scores, revenue)
    # the expected profit of each contact, which only the simulator knows
    value = revenue * 12 * 0.5
    truth = simulation.probability
    expected = truth * 0.3 * (value - 20) - (1 - truth) * 20
    _, best, _ = profit_curve(truth, expected, weights)
    contacted = scores.probability >= campaign.threshold
    earned = expected[scores.rows][contacted].sum() / len(truth)
    assert earned >= 0.97 * best.max()
