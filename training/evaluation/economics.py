"""The profit of a retention campaign, and which customers to contact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_model.arrays import Floats, Mask
from churn_model.errors import TrainingError
from churn_model.offer import Offer
from churn_model.scoring.campaign import DecideBy, expected_profits
from training.evaluation.evaluation import HeldOut
from training.evaluation.intervals import Interval, standard_error
from training.evaluation.metrics import rank_descending
from training.evaluation.out_of_bag import best_threshold, out_of_bag

BEST, DEFAULT, OWN = "best threshold", "threshold 0.5", "own expected profit above 0"
"""Names of policies: two with a threshold, and each customer's own expected profit."""

_NORMAL = 1.96  # standard errors of a 95 % interval


@dataclass(frozen=True)
class Policy:
    """A rule for which customers to contact, and its result.

    ``contacted``: the share (0..1) of customers. ``profit``: per customer, contacted or not, with
    its 95 % ``interval``, both in the revenue's currency.
    """

    contacted: float
    profit: float
    interval: Interval


@dataclass(frozen=True)
class Economics:
    """A campaign's profit on held-out customers whose revenue is known.

    ``offer``: what the campaign offers. ``decide_by``: how the version decides. ``contacted``,
    ``profit``: the profit curve, which is the profit per customer if this share of customers,
    highest risk first, is contacted. ``threshold``: the probability from which contacting
    customers earns the most. ``policies``: that threshold and alternatives, by name; the profit of
    the best threshold is measured on customers who had no part in its choice. ``without_revenue``:
    the number of customers left out, because their revenue is missing.
    """

    offer: Offer
    contacted: Floats
    profit: Floats
    threshold: float
    policies: dict[str, Policy]
    decide_by: DecideBy = "threshold"
    without_revenue: int = 0

    @property
    def chosen_name(self) -> str:
        """The name of the policy that the version follows."""
        return OWN if self.decide_by == "profit" else BEST

    @property
    def chosen(self) -> Policy:
        """The policy that the version follows."""
        return self.policies[self.chosen_name]


def economics(
    offer: Offer,
    held_out: HeldOut,
    revenue: Floats,
    *,
    decide_by: DecideBy = "threshold",
    lowest_threshold: float = 0.0,
    seed: int = 0,
) -> Economics:
    """The profit curve of the held-out scores, and the threshold at its maximum.

    ``revenue`` (n,): the monthly revenue of each customer of the table, NaN if it is missing.
    ``lowest_threshold``: the threshold is not below this one. Raises TrainingError if no revenue is
    known.
    """
    known = _with_revenue(held_out, revenue)
    probability, paid = known.probability, revenue[known.rows]
    profits = offer.expected_profit(known.churned.astype(np.float64), paid)
    contacted, profit, lowest = profit_curve(probability, profits, known.weights)
    threshold = best_threshold(lowest, profit, lowest_threshold)
    everyone = np.ones(len(profits), dtype=bool)
    selections = {
        "nobody": ~everyone,
        "everybody": everyone,
        DEFAULT: probability >= 0.5,
        OWN: expected_profits(offer, probability, paid) > 0,
    }
    policies = {
        name: _policy(mask, np.where(mask, profits, 0.0), known)
        for name, mask in selections.items()
    }
    outside = out_of_bag(
        probability,
        profits,
        known.weights,
        known.customers,
        lowest_threshold=lowest_threshold,
        seed=seed,
    )
    policies[BEST] = _policy(probability >= threshold, outside.earnings, known, error=outside.error)
    left_out = len(np.unique(held_out.customers)) - len(np.unique(known.customers))
    return Economics(offer, contacted, profit, threshold, policies, decide_by, left_out)


def _with_revenue(held_out: HeldOut, revenue: Floats) -> HeldOut:
    """The held-out scores of rows with a known revenue."""
    known = np.isfinite(revenue[held_out.rows])
    if not known.any():
        raise TrainingError(
            "the revenue is missing for all held-out customers; name another field with --revenue"
        )
    return held_out if known.all() else held_out.take(np.flatnonzero(known))


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


def _policy(contacted: Mask, earned: Floats, held_out: HeldOut, *, error: float = 0.0) -> Policy:
    """``earned`` (k,): what each score earns, NaN where that is not known.

    ``error``: a standard error of the mean that is not the customers'.
    """
    known = np.isfinite(earned)
    weights, customers = held_out.weights[known], held_out.customers[known]
    mean = float(np.average(earned[known], weights=weights))
    sampling = standard_error(earned[known] - mean, weights, customers)
    margin = _NORMAL * float(np.hypot(sampling, error))
    return Policy(
        float(np.average(contacted, weights=held_out.weights)),
        mean,
        Interval(mean - margin, mean + margin),
    )
