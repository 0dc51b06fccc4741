"""A seeded simulator of a subscription business's customers.

The true churn probability of each customer is known, so a fitted model can be compared with the
truth instead of another estimate. The effects are typical of such businesses: most customers churn
in their first year; a high price raises the risk, and raises it more for new customers (a true
interaction); the youngest and the oldest customers churn more than those in between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.arrays import Floats
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.schema.column import Column
from training.data import SIMULATED_ROWS

_PRICES = np.array([19.9, 29.9, 49.9, 69.9, 89.9, 109.9])  # per month, before extras
_PRICE_SHARES = np.array([0.18, 0.22, 0.24, 0.18, 0.12, 0.06])
_UNKNOWN_TOTALS = 0.03  # share of customers without a billing history
_WIDTH, _DAYS = 100.0, 2000  # ranges of numbers and dates drawn at random
_UNBOUNDED = 1e9  # a bound beyond this counts as none
LAST_DAY = "2025-12-31"
"""The latest simulated date."""


@dataclass(frozen=True)
class Simulation:
    """Simulated customers.

    ``customers``: n rows with the record's fields. ``churned`` (n,): 1 or 0, drawn with
    ``probability`` (n,), the true churn probabilities.
    """

    customers: pd.DataFrame
    churned: npt.NDArray[np.int64]
    probability: Floats


def simulate(rows: int = SIMULATED_ROWS, seed: int = 0) -> Simulation:
    """Draw ``rows`` customers; the same seed draws the same customers."""
    rng = np.random.default_rng(seed)
    years = np.clip(np.rint(rng.gamma(9.0, 5.0, rows)), 18, 95).astype(np.int64)
    months = np.minimum(np.floor(rng.exponential(26.0, rows)), 180).astype(np.int64)
    extras = rng.gamma(1.2, 6.0, rows)
    price = np.round(rng.choice(_PRICES, rows, p=_PRICE_SHARES) + extras, 2)
    # discounts and price rises: the total differs from months times today's price
    paid = np.round(price * (months + 1) * rng.normal(0.95, 0.06, rows).clip(0.6, 1.2), 2)
    paid[rng.random(rows) < _UNKNOWN_TOTALS] = np.nan
    # other seeds draw other customers
    prefix = f"C{seed}-" if seed else "C"
    names = [f"{prefix}{number:06d}" for number in range(1, rows + 1)]
    probability = true_probability(years, months, price)
    churned = (rng.random(rows) < probability).astype(np.int64)
    drawn: dict[str, Any] = {
        "customer_id": names,
        "age": years,
        "tenure": months,
        "monthly_charges": price,
        "total_charges": paid,
    }
    for column in CUSTOMER_SCHEMA:
        if column.name not in drawn:
            drawn[column.name] = _at_random(column, rng, rows)
    customers = pd.DataFrame({column.name: drawn[column.name] for column in CUSTOMER_SCHEMA})
    return Simulation(customers, churned, probability)


def _at_random(column: Column, rng: np.random.Generator, rows: int) -> Any:
    """Random values (rows,) of a field that has no effect on the simulated churn."""
    if column.kind == "identifier":
        return [f"{column.name} {number}" for number in range(1, rows + 1)]
    if column.kind == "category":
        return rng.choice(np.array(column.levels, dtype=object), rows)
    if column.kind == "boolean":
        return rng.random(rows) < 0.5
    if column.kind == "date":
        days = rng.integers(0, _DAYS, rows)
        return np.datetime_as_string(np.datetime64(LAST_DAY) - days).astype(object)
    low, high = _range(column)
    if column.kind == "integer":
        return rng.integers(math.floor(low) + 1, math.ceil(high), rows)
    return rng.uniform(low, high, rows)


def _range(column: Column) -> tuple[float, float]:
    """An interval, at most _WIDTH wide, whose interior is within the column's bounds."""
    margin = 1 if column.kind == "integer" else 0
    lows = [b for b in (column.exclusive_minimum,) if b is not None]
    lows += [column.minimum - margin] if column.minimum is not None else []
    highs = [b for b in (column.exclusive_maximum,) if b is not None]
    highs += [column.maximum + margin] if column.maximum is not None else []
    low, high = max(lows, default=-math.inf), min(highs, default=math.inf)
    if low < -_UNBOUNDED:
        low = -1.0 if high > _UNBOUNDED else high - _WIDTH
    return low, min(high, low + _WIDTH)


def true_probability(
    years: npt.NDArray[Any], months: npt.NDArray[Any], price: npt.NDArray[Any]
) -> Floats:
    """The churn probability (n,) that the simulator draws with.

    ``years``: the customer's age, ``months``: the tenure, ``price``: in currency units per month.
    The total paid so far has no effect of its own.
    """
    newness = np.exp(-months / 14.0)
    expensiveness = 1.0 / (1.0 + np.exp(-(price - 72.0) / 11.0))
    log_odds = (
        -2.9
        + 2.3 * newness
        + 1.5 * expensiveness
        + 0.9 * newness * expensiveness
        + 0.9 * ((years - 47.0) / 27.0) ** 2 * (years < 47.0)
        + 0.5 * (years > 68.0)
    )
    probability: Floats = 1.0 / (1.0 + np.exp(-log_odds))
    return probability
