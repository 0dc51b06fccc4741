"""The offer of a retention campaign: its costs, and the profit of contacting a customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from churn_model.arrays import Floats
from churn_model.errors import TrainingError

if TYPE_CHECKING:
    from training.evaluation.metrics import Labels

_RANGES = {
    "cost": (0.0, np.inf),
    "success": (0.0, 1.0),
    "horizon": (0.0, np.inf),
    "margin": (0.0, 1.0),
    "contact_cost": (0.0, np.inf),
}


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
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise TrainingError(
                    f"the campaign's {name.replace('_', ' ')} must be a number from {low:g} to "
                    f"{high:g}, not {value:g}"
                )

    def profits(self, churned: Labels, revenue: Floats) -> Floats:
        """The profit of contacting each customer (n,), given who churned (n,) of 0 and 1.

        ``revenue`` (n,): each customer's monthly revenue.
        """
        customer_value = revenue * self.horizon * self.margin
        of_churner = self.success * (customer_value - self.cost)
        profits: Floats = np.where(churned == 1, of_churner, -self.cost)
        return profits - self.contact_cost
