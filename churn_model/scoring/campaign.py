"""The retention campaign that a model was trained for, as a part of its scorecard."""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from churn_model.arrays import Floats
from churn_model.offer import LONGEST_HORIZON, Offer

DecideBy: TypeAlias = Literal["threshold", "profit"]

_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1)]


class Campaign(BaseModel):
    """An offer, the field with a customer's monthly revenue, and how a version decides.

    ``offer_cost``, ``contact_cost``, ``success``, ``horizon`` and ``margin``: see ``Offer``.
    ``revenue``: a numerical feature. ``decide_by``: a customer is predicted to churn from the
    scorecard's threshold on, or if the expected profit of contacting the customer is above 0.
    ``contact_at_most``: the share of customers that the threshold was limited to, None for no
    limit.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    offer_cost: _Amount
    contact_cost: _Amount = 0.0
    success: _Share
    horizon: Annotated[_Amount, Field(le=LONGEST_HORIZON)]
    margin: _Share
    revenue: str
    decide_by: DecideBy = "threshold"
    contact_at_most: Annotated[float, Field(gt=0, lt=1)] | None = None

    @classmethod
    def of(
        cls,
        offer: Offer,
        revenue: str,
        decide_by: DecideBy = "threshold",
        contact_at_most: float | None = None,
    ) -> Campaign:
        """The campaign of an offer."""
        return cls(
            offer_cost=float(offer.cost),
            contact_cost=float(offer.contact_cost),
            success=float(offer.success),
            horizon=float(offer.horizon),
            margin=float(offer.margin),
            revenue=revenue,
            decide_by=decide_by,
            contact_at_most=contact_at_most,
        )

    @property
    def offer(self) -> Offer:
        """What contacted customers are offered."""
        return Offer(self.offer_cost, self.success, self.horizon, self.margin, self.contact_cost)

    @property
    def decides_by_profit(self) -> bool:
        """Whether a customer's own expected profit decides, and not the threshold."""
        return self.decide_by == "profit"


def expected_profit_of_one(offer: Offer, probability: float, revenue: float | None) -> float:
    """The expected profit of contacting a customer; NaN if the revenue is missing.

    It is NaN, too, for a revenue so large that the profit is not a finite number.
    """
    if revenue is None:
        return math.nan
    profit = offer.expected_profit(probability, float(revenue))
    return profit if math.isfinite(profit) else math.nan


def expected_profits(offer: Offer, probability: Floats, revenue: Floats) -> Floats:
    """The same for n customers (n,), whose missing revenues are NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        profits = offer.expected_profit(probability, revenue)
    profits[~np.isfinite(profits)] = np.nan
    return profits
