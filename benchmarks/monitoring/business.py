"""A simulated subscription business, month by month, with a campaign and a price rise."""

from __future__ import annotations

from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
import pandas as pd

from churn_model.offer import Offer
from training.data.simulator import simulate, true_probability

STEP, WINDOW = 30, 60
"""Days between snapshots, and days that a label covers."""

FIRST_DAY = np.datetime64("1970-01-01") + STEP * 670  # windows of 30 days start on such days
HISTORY = 6
"""Months before the year, whose customers the first champion is trained on."""

_BEFORE = 36
PRICE_RISE = 4
"""The month (the first one is 0) in which prices rise, except for customers of the last year.

From then on, expensive customers who have been there for long leave, as only new ones did before.
"""

OFFER = Offer(cost=15, success=0.4, horizon=6, margin=0.4, contact_cost=1)
CONTROL = 0.2
"""The share of customers predicted to churn who are not contacted, so that labels show them."""


def day_of(month: int) -> np.datetime64:
    """The day of a month's snapshot."""
    return FIRST_DAY + STEP * month


def is_control(customer: str) -> bool:
    """Whether a customer is in the control group, which is the same in all months."""
    return crc32(customer.encode()) % 100 < 100 * CONTROL


@dataclass
class Business:
    """The customers who are present, and the snapshots so far.

    ``snapshots``: by month, with the day of each snapshot (``seen``), whether the customer was
    contacted by the campaign (``contacted``) and the true probability to leave within WINDOW days
    without it (``truth``). ``departures``: the day on which customers left.
    """

    customers: int
    seed: int = 0
    snapshots: dict[int, pd.DataFrame] = field(default_factory=dict)
    departures: dict[str, np.datetime64] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._present = simulate(self.customers, self.seed + 1).customers.assign(protected=0)
        for month in range(-_BEFORE, -HISTORY):  # the mix of customers settles
            self.pass_month(month)

    def snapshot(self, month: int) -> pd.DataFrame:
        """The customers who are present in a month; prices rise in PRICE_RISE."""
        if month == PRICE_RISE:
            price = self._present["monthly_charges"]
            dearer = (1.12 * price).round(2)
            self._present["monthly_charges"] = price.where(self._present["tenure"] < 12, dearer)
        present = self._present.drop(columns="protected")
        now, ahead = (
            risk(present, month),
            risk(present.assign(tenure=present.tenure + 1), month + 1),
        )
        self.snapshots[month] = present.assign(
            seen=day_of(month), truth=1 - (1 - now) * (1 - ahead), contacted="no"
        )
        return present

    def contact(self, month: int, predicted: np.ndarray) -> None:
        """Contact the customers (n,) who are predicted to churn, except for the control group.

        ``contacted`` is yes for all whom the campaign has reached within WINDOW days: whoever was
        contacted a month ago does not show how customers behave without the campaign either.
        """
        control = self._present["customer_id"].map(is_control).to_numpy()
        self._present.loc[predicted & ~control, "protected"] = WINDOW // STEP
        reached = self._present["protected"].to_numpy() > 0
        self.snapshots[month]["contacted"] = np.where(reached, "yes", "no")

    def pass_month(self, month: int) -> None:
        """Customers leave and are replaced by new ones; contacted ones leave less often."""
        present, rng = self._present, self._rng
        hazard = risk(present, month)
        hazard = np.where(present["protected"] > 0, (1 - OFFER.success) * hazard, hazard)
        goes = rng.random(len(present)) < hazard
        days = day_of(month) + rng.integers(1, STEP + 1, len(present))
        self.departures |= dict(zip(present["customer_id"][goes], days[goes], strict=True))
        stays = present[~goes].copy()
        stays["tenure"] += 1
        stays["total_charges"] += stays["monthly_charges"]
        stays["protected"] = (stays["protected"] - 1).clip(lower=0)
        seed = 1000 * (self.seed + 1) + _BEFORE + 1 + month
        new = simulate(int(goes.sum()), seed).customers.assign(tenure=0, protected=0)
        new["total_charges"] = new["monthly_charges"]
        self._present = pd.concat([stays, new], ignore_index=True)

    def labels(self, months: range) -> pd.DataFrame:
        """Snapshots with labels, as far as departures are known."""
        table = pd.concat([self.snapshots[month] for month in months], ignore_index=True)
        leaves = table["customer_id"].map(self.departures).to_numpy("datetime64[D]")
        seen = table["seen"].to_numpy("datetime64[D]")
        left = np.where(leaves <= seen + WINDOW, "yes", "no")
        return table.assign(left=left).drop(columns="truth")


def risk(customers: pd.DataFrame, month: int) -> np.ndarray:
    """The true probability (n,) to leave within STEP days."""
    price = customers["monthly_charges"].to_numpy()
    yearly = true_probability(customers["age"].to_numpy(), customers["tenure"].to_numpy(), price)
    log_odds = np.log(yearly / (1 - yearly)) - 1.6
    if month >= PRICE_RISE:
        is_old = 1 / (1 + np.exp(-(customers["tenure"].to_numpy() - 18) / 4))
        log_odds = log_odds + 2.2 * is_old / (1 + np.exp(-(price - 45) / 8))
    return 1 / (1 + np.exp(-log_odds))


def profit(snapshot: pd.DataFrame, contacted: np.ndarray) -> float:
    """The expected profit of contacting customers (n,), by their true probabilities."""
    truth, revenue = snapshot["truth"].to_numpy(), snapshot["monthly_charges"].to_numpy()
    return float(OFFER.expected_profit(truth, revenue)[contacted].sum())
