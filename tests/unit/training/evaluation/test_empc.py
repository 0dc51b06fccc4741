import numpy as np
import pytest
from scipy.stats import beta

from training.evaluation.empc import empc
from training.evaluation.evaluation import SCORECARD, HeldOut


def held_out(churned, probability, weights):
    rows = np.arange(len(churned))
    return HeldOut(rows, rows, churned, weights, {SCORECARD: probability})


def customers(n, seed=0):
    rng = np.random.default_rng(seed)
    probability = np.round(rng.random(n) ** 3, 3)  # some are equal
    return (rng.random(n) < probability).astype(np.int64), probability


@pytest.mark.parametrize("weight", [1.0, 0.25, 0.0])
def test_it_equals_the_published_definition(weight):
    """Integrated numerically over the success rate."""
    churned, probability = customers(2000)
    weights = np.where(np.arange(2000) % 3 == 0, weight, 1.0)
    order = np.argsort(-probability, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(probability[order])), 1999)
    churners = np.cumsum((weights * churned)[order])[ends] / weights.sum()
    stayers = np.cumsum((weights * (1 - churned))[order])[ends] / weights.sum()
    clv, delta, phi = 200, 10 / 200, 1 / 200
    success = (np.arange(20_000) + 0.5) / 20_000
    best = [
        max(0.0, (clv * (g * (1 - delta) - phi) * churners - clv * (delta + phi) * stayers).max())
        for g in success
    ]
    expected = np.average(best, weights=beta.pdf(success, 6, 14))
    assert empc(held_out(churned, probability, weights)) == pytest.approx(expected, rel=1e-7)


def test_it_equals_another_implementation():
    """``empc_score`` of empulse 0.13.1, with the same campaign."""
    churned, probability = np.array([1, 0, 1, 1, 0, 0, 1, 0]), np.linspace(0.9, 0.2, 8)
    assert empc(held_out(churned, probability, np.ones(8))) == pytest.approx(
        23.885492203841515, rel=1e-12
    )


def test_scores_without_any_churner_earn_nothing():
    nobody = np.zeros(4, dtype=np.int64)
    assert empc(held_out(nobody, np.linspace(0.1, 0.4, 4), np.ones(4))) == 0.0
