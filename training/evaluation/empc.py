"""The expected maximum profit measure for churn (EMPC).

Verbraken, Verbeke, Baesens 2013, "A novel profit maximizing metric for measuring classification
performance of customer churn prediction models", IEEE Transactions on Knowledge and Data
Engineering 25(5).
"""

from __future__ import annotations

import numpy as np
from scipy.special import betainc
from sklearn.isotonic import isotonic_regression

from churn_model.arrays import Floats
from training.evaluation.evaluation import HeldOut
from training.evaluation.metrics import rank_descending

ALPHA, BETA = 6.0, 14.0
"""The published campaign: the probability that an offer succeeds has this Beta distribution."""
VALUE, OFFER, CONTACT = 200.0, 10.0, 1.0
"""What a customer is worth, and what the offer and contacting a customer cost."""


def empc(held_out: HeldOut) -> float:
    """The EMPC of the held-out scores, in currency units per customer."""
    rates, shares = _convex_churn_rates(held_out)
    return float(shares @ _expected_profit(rates))


def _convex_churn_rates(held_out: HeldOut) -> tuple[Floats, Floats]:
    """The churn rate (0..1) along the convex hull of the ROC curve, and the customers' shares.

    Both (m,), for the m distinct probabilities, highest first; customers of weight 0 are left out.
    Pooling adjacent violators gives the hull (Fawcett, Niculescu-Mizil 2007, "PAV and the ROC
    convex hull", Machine Learning 68).
    """
    weighted = held_out.weights > 0
    weights, churned = held_out.weights[weighted], held_out.churned[weighted]
    order, ends = rank_descending(held_out.probability[weighted])
    customers = np.diff(np.cumsum(weights[order])[ends], prepend=0.0)
    churners = np.diff(np.cumsum((weights * churned)[order])[ends], prepend=0.0)
    rates: Floats = isotonic_regression(
        churners / customers, sample_weight=customers, increasing=False
    )
    return rates, customers / customers.sum()


def _expected_profit(rates: Floats) -> Floats:
    """The expected profit (m,) per customer of groups with these churn rates (m,).

    A group is contacted if its churn rate and the probability of success make that profitable.
    """
    gain = (VALUE - OFFER) * rates  # of a sure success
    cost = CONTACT * rates + (OFFER + CONTACT) * (1.0 - rates)
    with np.errstate(divide="ignore"):
        least = np.minimum(cost / gain, 1.0)  # probability of success that pays
    mean = ALPHA / (ALPHA + BETA)
    success = mean * (1.0 - betainc(ALPHA + 1.0, BETA, least))
    profit: Floats = gain * success - cost * (1.0 - betainc(ALPHA, BETA, least))
    return profit
