"""The built-in customers: a seeded simulator of a subscription business.

Because the business is made up, each customer's true churn probability is known, and a fit can be
compared with the truth instead of with another estimate. The shapes are the usual ones of such
businesses: most churn in the first year, more at high prices, young and old customers less loyal
than those between, and a price that hurts new customers more than old ones (a true pair).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

ROWS = 10_000
_PRICES = np.array([19.9, 29.9, 49.9, 69.9, 89.9, 109.9])  # a month, before extras
_PRICE_SHARES = np.array([0.18, 0.22, 0.24, 0.18, 0.12, 0.06])
_UNKNOWN_TOTALS = 0.03  # share of customers whose billing history was lost in a migration


@dataclass(frozen=True)
class Simulation:
    """Simulated customers.

    ``customers``: n rows with the record's fields. ``churned`` (n,): 1 or 0, drawn with
    ``probability`` (n,), the true churn probability of each.
    """

    customers: pd.DataFrame
    churned: npt.NDArray[np.int64]
    probability: Floats


def simulate(rows: int = ROWS, seed: int = 0) -> Simulation:
    """Draw ``rows`` customers; the same seed always gives the same ones."""
    rng = np.random.default_rng(seed)
    age = np.clip(np.rint(rng.gamma(9.0, 5.0, rows)), 18, 95).astype(np.int64)
    tenure = np.minimum(np.floor(rng.exponential(26.0, rows)), 180).astype(np.int64)
    extras = rng.gamma(1.2, 6.0, rows)
    monthly = np.round(rng.choice(_PRICES, rows, p=_PRICE_SHARES) + extras, 2)
    # discounts and price rises: what was paid differs from months times today's price
    total = np.round(monthly * (tenure + 1) * rng.normal(0.95, 0.06, rows).clip(0.6, 1.2), 2)
    total[rng.random(rows) < _UNKNOWN_TOTALS] = np.nan
    probability = true_probability(age, tenure, monthly)
    customers = pd.DataFrame(
        {
            "customer_id": [f"C{number:06d}" for number in range(1, rows + 1)],
            "age": age,
            "tenure": tenure,
            "monthly_charges": monthly,
            "total_charges": total,
        }
    )
    churned = (rng.random(rows) < probability).astype(np.int64)
    return Simulation(customers, churned, probability)


def true_probability(
    age: npt.NDArray[Any], tenure: npt.NDArray[Any], monthly: npt.NDArray[Any]
) -> Floats:
    """The churn probability (n,) that the simulator draws with.

    ``age`` in years, ``tenure`` in months, ``monthly`` in currency units a month. What a customer
    has paid so far has no effect of its own.
    """
    newness = np.exp(-tenure / 14.0)
    price = 1.0 / (1.0 + np.exp(-(monthly - 72.0) / 11.0))
    log_odds = (
        -2.9
        + 2.3 * newness
        + 1.5 * price
        + 0.9 * newness * price
        + 0.9 * ((age - 47.0) / 27.0) ** 2 * (age < 47.0)
        + 0.5 * (age > 68.0)
    )
    probability: Floats = 1.0 / (1.0 + np.exp(-log_odds))
    return probability
