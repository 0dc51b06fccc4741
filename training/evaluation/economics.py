"""The profit of a retention campaign, and which customers to contact.

The campaign of Neslin et al. 2006 ("Defection detection", Journal of Marketing Research 43) and
Verbeke et al. 2012 ("New insights into churn prediction in the telecommunication sector: a profit
driven data mining approach", European Journal of Operational Research 218). Every contacted
customer receives an offer. A customer who would have churned accepts it, and stays, with the
probability ``success``. A customer who would have stayed anyway always accepts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats
from churn_model.offer import Offer
from training.evaluation.evaluation import HeldOut
from training.evaluation.intervals import standard_error
from training.evaluation.metrics import rank_descending

EMPC: dict[str, Any] = {
    "alpha": 6.0,
    "beta": 14.0,
    "clv": 200.0,
    "incentive_cost": 10.0,
    "contact_cost": 1.0,
}
"""The published campaign: success is Beta(6, 14), a customer is worth 200, an offer costs 10."""

BEST, DEFAULT = "best threshold", "threshold 0.5"
"""Names of the two policies with a threshold."""


@dataclass(frozen=True)
class Policy:
    """A rule for which customers to contact, and its result.

    ``contacted``: the share (0..1) of customers. ``profit``: per customer, contacted or not, with
    its ``standard_error``, both in the revenue's currency.
    """

    contacted: float
    profit: float
    standard_error: float


@dataclass(frozen=True)
class Economics:
    """A campaign's profit on held-out customers.

    ``offer``: what the campaign offers. ``contacted``, ``profit``: the profit curve, which is the
    profit per customer if this share of customers, highest risk first, is contacted.
    ``threshold``: the probability from which contacting customers earns the most.
    ``policies``: that threshold and alternatives, by name.
    """

    offer: Offer
    contacted: Floats
    profit: Floats
    threshold: float
    policies: dict[str, Policy]

    @property
    def best(self) -> Policy:
        """The policy of contacting customers from the best threshold."""
        return self.policies[BEST]


def economics(offer: Offer, held_out: HeldOut, revenue: Floats) -> Economics:
    """The profit curve of the held-out scores, and the threshold at its maximum.

    ``revenue`` (n,): the monthly revenue of each customer of the table.
    """
    probability = held_out.probability
    profits = offer.expected_profit(held_out.churned.astype(np.float64), revenue[held_out.rows])
    contacted, profit, lowest = profit_curve(probability, profits, held_out.weights)
    threshold = _best_threshold(lowest, profit)
    everyone = np.ones(len(profits), dtype=bool)
    selections = {
        "nobody": ~everyone,
        "everybody": everyone,
        DEFAULT: probability >= 0.5,
        BEST: probability >= threshold,
    }
    policies = {name: _policy(mask, profits, held_out) for name, mask in selections.items()}
    return Economics(offer, contacted, profit, threshold, policies)


def profit_curve(
    probability: Floats, profits: Floats, weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """The share contacted, the profit per customer, and the lowest probability contacted.

    (m + 1,) each, from nobody (where the lowest probability is infinite) to everybody, with a point
    for each of the m distinct probabilities.
    """
    order, ends = rank_descending(probability)
    customers = np.cumsum(weights[order])[ends]
    total_profit = np.cumsum((weights * profits)[order])[ends]
    return (
        np.concatenate([[0.0], customers / customers[-1]]),
        np.concatenate([[0.0], total_profit / customers[-1]]),
        np.concatenate([[np.inf], probability[order][ends]]),
    )


def _best_threshold(lowest: Floats, profit: Floats) -> float:
    """Half-way between the last customer to contact and the next one; 1 if there is none."""
    best = int(np.argmax(profit))
    if best == 0:
        return 1.0
    if best == len(lowest) - 1:
        return 0.0
    return float((lowest[best] + lowest[best + 1]) / 2)


def _policy(contacted: npt.NDArray[np.bool_], profits: Floats, held_out: HeldOut) -> Policy:
    weights = held_out.weights
    earned = np.where(contacted, profits, 0.0)
    mean = float(np.average(earned, weights=weights))
    error = standard_error(earned - mean, weights, held_out.customers)
    return Policy(float(np.average(contacted, weights=weights)), mean, error)


def empc(held_out: HeldOut) -> float:
    """The expected maximum profit measure for churn, in currency units per customer.

    Verbraken, Verbeke, Baesens 2013, "A novel profit maximizing metric for measuring classification
    performance of customer churn prediction models", IEEE Transactions on Knowledge and Data
    Engineering 25(5), with the campaign of EMPC.
    """
    from empulse.metrics import empc_score  # importing it takes seconds

    rows = _resampled_rows(held_out.weights)
    return float(empc_score(held_out.churned[rows], held_out.probability[rows], **EMPC))


def _resampled_rows(weights: Floats) -> npt.NDArray[np.intp]:
    """Rows (n,), each repeated in proportion to its weight (systematic resampling)."""
    n = len(weights)
    if np.ptp(weights) == 0:
        return np.arange(n)
    cumulative = np.cumsum(weights) / weights.sum()
    return np.searchsorted(cumulative, (np.arange(n) + 0.5) / n)
