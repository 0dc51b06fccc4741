import numpy as np
import pytest

from training.evaluation.economics import Offer, economics, empc, profit_curve
from training.evaluation.evaluation import SCORECARD, HeldOut

OFFER = Offer(cost=20, success=0.3, horizon=12, margin=0.5)


def held_out(churned, probability, weights=None):
    n = len(churned)
    return HeldOut(
        np.arange(n),
        np.arange(n),
        np.asarray(churned),
        np.ones(n) if weights is None else weights,
        {SCORECARD: np.asarray(probability, dtype=float)},
    )


def test_the_profit_curve_starts_at_nobody_and_ends_at_everybody():
    profits = np.array([10.0, -5.0, -5.0])
    contacted, profit, lowest = profit_curve(np.array([0.9, 0.5, 0.5]), profits, np.ones(3))
    assert contacted.tolist() == pytest.approx([0, 1 / 3, 1])
    assert profit.tolist() == pytest.approx([0, 10 / 3, 0])
    assert lowest.tolist() == [np.inf, 0.9, 0.5]


def test_the_threshold_is_where_the_profit_is_highest():
    campaign = economics(OFFER, held_out([1, 1, 0, 0], [0.8, 0.6, 0.4, 0.2]), np.full(4, 50.0))
    assert campaign.threshold == pytest.approx(0.5)
    assert campaign.policies["nobody"].profit == 0
    assert campaign.policies["everybody"].contacted == 1
    assert campaign.policies["best threshold"].profit == max(campaign.profit)
    assert campaign.best == campaign.policies["best threshold"]


def test_an_unprofitable_offer_contacts_nobody_and_a_free_one_everybody():
    scores = held_out([1, 0, 1, 0], [0.8, 0.6, 0.4, 0.2])
    expensive = economics(Offer(1000, 0.3, 12, 0.5), scores, np.full(4, 50.0))
    assert expensive.threshold == 1.0
    assert expensive.best.contacted == 0
    free = economics(Offer(0, 0.3, 12, 0.5), held_out([1] * 4, [0.8, 0.6, 0.4, 0.2]), np.ones(4))
    assert free.threshold == 0.0


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_empc_equals_the_published_measure(weight):
    """Against the published definition, integrated numerically over the success rate."""
    rng = np.random.default_rng(0)
    probability = rng.random(10_000) ** 3
    churned = (rng.random(10_000) < probability).astype(np.int64)
    weights = np.where(churned == 1, weight, 1.0)
    order = np.argsort(-probability)
    churners = np.cumsum((weights * churned)[order]) / weights.sum()
    stayers = np.cumsum((weights * (1 - churned))[order]) / weights.sum()
    clv, delta, phi = 200, 10 / 200, 1 / 200
    best = [
        max(0.0, (clv * (g * (1 - delta) - phi) * churners - clv * (delta + phi) * stayers).max())
        for g in rng.beta(6, 14, 500)
    ]
    assert empc(held_out(churned, probability, weights)) == pytest.approx(np.mean(best), rel=0.05)
