import numpy as np
import pytest

from churn_model.errors import TrainingError
from training.evaluation.economics import Offer, economics, profit_curve
from training.evaluation.evaluation import SCORECARD, HeldOut
from training.evaluation.out_of_bag import out_of_bag

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
    assert campaign.chosen == campaign.policies["best threshold"]


def test_an_unprofitable_offer_contacts_nobody_and_a_free_one_everybody():
    scores = held_out([1, 0, 1, 0], [0.8, 0.6, 0.4, 0.2])
    expensive = economics(Offer(1000, 0.3, 12, 0.5), scores, np.full(4, 50.0))
    assert expensive.threshold == 1.0
    assert expensive.chosen.contacted == 0
    free = economics(Offer(0, 0.3, 12, 0.5), held_out([1] * 4, [0.8, 0.6, 0.4, 0.2]), np.ones(4))
    assert free.threshold == 0.0


def simulated(n, seed, *, informed=0.0):
    """Scores of customers of whom a weak offer should contact very few; and their true profits."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(2, 8, n)
    churned = (rng.random(n) < truth).astype(np.int64)
    scores = informed * truth + (1 - informed) * rng.permutation(truth)
    revenue = rng.uniform(20, 80, n)
    return held_out(churned, scores), revenue, WEAK.expected_profit(truth, revenue)


WEAK = Offer(cost=20, success=0.2, horizon=12, margin=0.5)


@pytest.mark.parametrize("informed", [0.0, 1.0])
def test_the_profit_of_the_best_threshold_is_not_the_highest_by_chance(informed):
    """It errs to the low side, and by less than half of what the highest profit is too high.

    A threshold that is chosen in a resample is a little worse than one chosen on all customers.
    """
    scores, _, truth = simulated(200_000, 999, informed=informed)
    reported, highest, true, covered = [], [], [], 0
    for seed in range(60):
        campaign = economics(WEAK, *simulated(400, seed, informed=informed)[:2], seed=seed)
        earned = float(np.where(scores.probability >= campaign.threshold, truth, 0.0).mean())
        low, high = campaign.chosen.interval
        reported.append(campaign.chosen.profit)
        highest.append(campaign.profit.max())
        true.append(earned)
        covered += low <= earned <= high
    error = 2.5 * np.std(np.subtract(reported, true)) / np.sqrt(len(true))
    too_high = np.mean(highest) - np.mean(true)
    assert too_high > error
    assert -too_high / 2 < np.mean(reported) - np.mean(true) < error
    assert covered >= 0.8 * len(true)


def test_all_scores_of_a_customer_are_left_out_together():
    """A customer with several rows must not help to choose the threshold for another of them."""
    rows = np.arange(40)
    scores = HeldOut(rows, rows // 4, rows // 4 % 2, np.ones(40), {SCORECARD: (40 - rows) / 41})
    customers = out_of_bag(scores.probability, np.ones(40), scores.weights, rows // 4)
    assert np.isfinite(customers.earnings).all()
    alone = out_of_bag(scores.probability, np.ones(40), scores.weights, np.zeros(40, int))
    assert np.isnan(alone.earnings).all()


def test_own_expected_profits_decide_and_are_compared_with_the_threshold():
    scores, revenue, _ = simulated(2000, 1, informed=1.0)
    campaign = economics(WEAK, scores, revenue, decide_by="profit")
    own = campaign.policies["own expected profit above 0"]
    contacted = WEAK.expected_profit(scores.probability, revenue) > 0
    assert campaign.chosen is own
    assert own.contacted == contacted.mean()
    earned = np.where(contacted, WEAK.expected_profit(scores.churned.astype(float), revenue), 0)
    assert own.profit == pytest.approx(earned.mean())
    assert own.interval.low < own.profit < own.interval.high


def test_customers_without_a_known_revenue_are_left_out_and_counted():
    scores, revenue, _ = simulated(500, 2, informed=1.0)
    some = revenue.copy()
    some[:100] = np.nan
    campaign = economics(WEAK, scores, some)
    alone = economics(WEAK, scores.take(np.arange(100, 500)), revenue)
    assert campaign.without_revenue == 100
    assert campaign.policies == alone.policies
    assert campaign.threshold == alone.threshold
    with pytest.raises(TrainingError, match="revenue is missing for all"):
        economics(WEAK, scores, np.full(500, np.nan))


def test_the_best_threshold_is_not_below_the_lowest_allowed_one():
    scores, revenue, _ = simulated(500, 3, informed=1.0)
    free = Offer(cost=0, success=0.3, horizon=12, margin=0.5)
    limited = economics(free, scores, revenue, lowest_threshold=0.35)
    assert limited.threshold == pytest.approx(0.35, abs=0.02)
    assert limited.chosen.contacted == (scores.probability >= limited.threshold).mean()
