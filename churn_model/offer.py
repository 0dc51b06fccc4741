"""The offer of a retention campaign: its costs, and the profit of contacting a customer.

The campaign of Neslin et al. 2006 ("Defection detection", Journal of Marketing Research 43) and
Verbeke et al. 2012 ("New insights into churn prediction in the telecommunication sector: a profit
driven data mining approach", European Journal of Operational Research 218). Every contacted
customer receives an offer. A customer who would have churned accepts it, and stays, with the
probability ``success``. A customer who would have stayed anyway always accepts it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

from churn_model.arrays import Floats
from churn_model.errors import InvalidParameter

Amounts = TypeVar("Amounts", float, Floats)

LONGEST_HORIZON = 1200.0
"""In months; a horizon of more than 100 years is a mistake."""

_HIGHEST = {"cost": math.inf, "success": 1.0, "horizon": LONGEST_HORIZON, "margin": 1.0}
_HIGHEST["contact_cost"] = math.inf


@dataclass(frozen=True)
class Offer:
    """What a campaign offers to the customers that it contacts, and what that costs and earns.

    ``cost``: of an accepted offer. ``contact_cost``: of each contact. ``success``: the share (0..1)
    of churners who accept the offer and stay. ``horizon``: the months for which they stay.
    ``margin``: the share (0..1) of a customer's revenue that is profit.
    """

    cost: float
    success: float
    horizon: float
    margin: float
    contact_cost: float = 0.0

    def __post_init__(self) -> None:
        for name, highest in _HIGHEST.items():
            value = getattr(self, name)
            if not 0 <= value <= highest or math.isinf(value):
                raise InvalidParameter(
                    f"the campaign's {name.replace('_', ' ')} must be a number from 0 "
                    f"{'on' if math.isinf(highest) else f'to {highest:g}'}, not {value:g}"
                )

    def expected_profit(self, probability: Amounts, revenue: Amounts) -> Amounts:
        """The expected profit of contacting a customer, or each of n customers (n,).

        ``probability``: of churn, or 1 and 0 if it is known who churned. ``revenue``: per month.
        NaN where the revenue is NaN.
        """
        saved = self.success * (revenue * self.horizon * self.margin - self.cost)
        return probability * saved - (1.0 - probability) * self.cost - self.contact_cost
