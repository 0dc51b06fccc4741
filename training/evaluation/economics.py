"""What a retention campaign earns, and whom to contact.

The campaign of Neslin et al. 2006 ("Defection detection", Journal of Marketing Research 43) and
Verbeke et al. 2012 ("New insights into churn prediction in the telecommunication sector: a profit
driven data mining approach", European Journal of Operational Research 218): those contacted are
made an offer. A customer who would have churned accepts it, and stays, with the probability
``success``; one who would have stayed anyway takes it too, and it was given away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.evaluation.evaluation import HeldOut
from training.evaluation.intervals import standard_error
from training.evaluation.metrics import Floats, by_risk
from training.evaluation.offer import Offer

EMPC: dict[str, Any] = {
    "alpha": 6.0,
    "beta": 14.0,
    "clv": 200.0,
    "incentive_cost": 10.0,
    "contact_cost": 1.0,
}
"""The published campaign: success is Beta(6, 14), a customer is worth 200, an offer costs 10."""


_CHOSEN = "at the chosen threshold"


@dataclass(frozen=True)
class Choice:
    """One way to choose whom to contact.

    ``contacted``: the share (0..1) of customers. ``profit``: a customer, contacted or not, and
    ``error``: its standard error, both in the revenue's currency.
    """

    contacted: float
    profit: float
    error: float


@dataclass(frozen=True)
class Economics:
    """A campaign's worth on held-out customers.

    ``contacted``, ``profit``: the profit curve; the profit a customer when this share of them, the
    highest risks first, is contacted. ``threshold``: the probability from which to contact.
    ``choices``: that threshold against others, by name.
    """

    offer: Offer
    contacted: Floats
    profit: Floats
    threshold: float
    choices: dict[str, Choice]

    @property
    def best(self) -> Choice:
        """The choice at the chosen threshold."""
        return self.choices[_CHOSEN]


def economics(offer: Offer, held_out: HeldOut, revenue: Floats) -> Economics:
    """The profit curve of the held-out scores, and the threshold at its top.

    ``revenue`` (n,): what each customer of the table pays a month.
    """
    probability = held_out.probability
    profits = offer.profits(held_out.churned, revenue[held_out.rows])
    contacted, profit, ends = profit_curve(probability, profits, held_out.weights)
    threshold = _threshold(ends, profit)
    everyone = np.ones(len(profits), dtype=bool)
    choices = {
        "nobody": ~everyone,
        "everybody": everyone,
        "at 0.5": probability >= 0.5,
        _CHOSEN: probability >= threshold,
    }
    return Economics(
        offer,
        contacted,
        profit,
        threshold,
        {name: _choice(chosen, profits, held_out) for name, chosen in choices.items()},
    )


def profit_curve(
    probability: Floats, profits: Floats, weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """The share contacted, the profit a customer, and the lowest probability contacted.

    (m + 1,) each, from nobody (where the probability is infinite) to everybody, with a point for
    each of the m distinct probabilities.
    """
    order, ends = by_risk(probability)
    share = np.cumsum(weights[order])[ends]
    earned = np.cumsum((weights * profits)[order])[ends]
    return (
        np.concatenate([[0.0], share / share[-1]]),
        np.concatenate([[0.0], earned / share[-1]]),
        np.concatenate([[np.inf], probability[order][ends]]),
    )


def _threshold(ends: Floats, profit: Floats) -> float:
    """Half-way between the last customer worth contacting and the next one; 1 where nobody is."""
    best = int(np.argmax(profit))
    if best == 0:
        return 1.0
    if best == len(ends) - 1:
        return 0.0
    return float((ends[best] + ends[best + 1]) / 2)


def _choice(chosen: npt.NDArray[np.bool_], profits: Floats, held_out: HeldOut) -> Choice:
    weights = held_out.weights
    earned = np.where(chosen, profits, 0.0)
    mean = float(np.average(earned, weights=weights))
    error = standard_error(earned - mean, weights, held_out.rows)
    return Choice(float(np.average(chosen, weights=weights)), mean, error)


def empc(held_out: HeldOut) -> float:
    """The expected maximum profit measure for churn, in currency units a customer.

    Verbraken, Verbeke, Baesens 2013, "A novel profit maximizing metric for measuring classification
    performance of customer churn prediction models", IEEE Transactions on Knowledge and Data
    Engineering 25(5), with the campaign of EMPC.
    """
    from empulse.metrics import empc_score  # takes seconds to load

    rows = _equal(held_out.weights)
    return float(empc_score(held_out.churned[rows], held_out.probability[rows], **EMPC))


def _equal(weights: Floats) -> npt.NDArray[np.intp]:
    """Rows (n,) that stand for the weighted ones, each drawn as often as it weighs."""
    n = len(weights)
    if np.ptp(weights) == 0:
        return np.arange(n)
    edges = np.cumsum(weights) / weights.sum()
    return np.searchsorted(edges, (np.arange(n) + 0.5) / n)
