import numpy as np
import pytest

from training.intervals import percentile, resamples, without_noise
from training.metrics import Ranked

SEEDS = 100
METRICS = ("auc", "average_precision", "log_loss", "brier", "lift_10", "captured_20")


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


def test_resamples_draw_as_many_customers_as_there_are_and_the_same_again():
    first, second = next(resamples(1000, 3)), next(resamples(1000, 3))
    assert first.sum() == 1000
    assert (first == second).all()
    assert sum(1 for _ in resamples(200_000, 0)) == 200
