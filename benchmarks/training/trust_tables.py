"""Simulated tables with and without leakage, whose true churn probabilities are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from training.data.customers import CustomersOfRows

COLUMNS = (
    Column("tenure", "integer", minimum=0),
    Column("price", "number", minimum=0),
    Column("usage", "number", minimum=0),
    Column("calls", "integer", minimum=0),
    Column("data_usage", "number", minimum=0, required=False),
    Column("days_inactive", "integer", minimum=0),
    Column("complained", "boolean"),
    Column("contract", "category", levels=("month", "year", "two years")),
    Column("region", "category", levels=tuple("abcdefgh")),
    Column("income", "number", required=False),
)
SCHEMA = RecordSchema("Customer", COLUMNS)


@dataclass(frozen=True)
class KnownTable:
    """``customers``: n rows; ``churned`` (n,) drawn with ``probability`` (n,)."""

    customers: pd.DataFrame
    churned: np.ndarray
    probability: np.ndarray
    schema: RecordSchema = SCHEMA

    @property
    def customers_of_rows(self) -> CustomersOfRows:
        """Each row is another customer."""
        return CustomersOfRows.one_per_row(len(self.churned))

    def with_column(self, column: Column, values: object) -> KnownTable:
        """The table with one more feature."""
        schema = RecordSchema("Customer", (*self.schema, column))
        return replace(
            self, customers=self.customers.assign(**{column.name: values}), schema=schema
        )

    def with_values(self, **columns: object) -> KnownTable:
        """The table with other values of some features."""
        return replace(self, customers=self.customers.assign(**columns))

    def take(self, rows: np.ndarray) -> KnownTable:
        """Some of the rows."""
        return replace(
            self,
            customers=self.customers[rows].reset_index(drop=True),
            churned=self.churned[rows],
            probability=self.probability[rows],
        )


def honest(rows: int, rate: float, strength: float = 1.0, seed: int = 0) -> KnownTable:
    """Customers whose features were all known before they left.

    ``rate``: the expected churn rate (0..1). ``strength``: a factor of all effects on the log-odds.
    """
    rng = np.random.default_rng(seed)
    tenure = np.minimum(rng.exponential(26.0, rows), 180).astype(np.int64)
    price = np.round(rng.gamma(4.0, 15.0, rows), 2)
    active = rng.random(rows) < 0.9
    engagement = rng.normal(size=rows)
    usage = np.round(np.where(active, np.exp(1 + engagement + rng.normal(0, 0.5, rows)), 0.0), 2)
    calls = np.where(active, rng.poisson(np.exp(1.5 + 0.7 * engagement)), 0)
    online = rng.random(rows) < 0.8
    inactive = np.where(
        active, np.minimum(rng.exponential(np.exp(1 - engagement)), 90), rng.integers(20, 91, rows)
    )
    complained = rng.random(rows) < 0.08
    contract = rng.choice(["month", "year", "two years"], rows, p=[0.5, 0.3, 0.2]).astype(object)
    log_odds = strength * (
        1.5 * np.exp(-tenure / 14.0)
        + 0.01 * (price - 60)
        - 0.6 * engagement * active
        + 1.2 * ~active
        + 1.5 * complained
        - 1.0 * (contract == "year")
        - 2.5 * (contract == "two years")
        - 0.5 * ~online
    )
    probability = 1 / (1 + np.exp(-(log_odds + _intercept(log_odds, rate))))
    customers = pd.DataFrame(
        {
            "tenure": tenure,
            "price": price,
            "usage": usage,
            "calls": calls,
            "data_usage": np.where(online, np.round(usage * rng.gamma(2.0, 1.0, rows), 2), np.nan),
            "days_inactive": inactive.astype(np.int64),
            "complained": complained,
            "contract": contract,
            "region": rng.choice(list("abcdefgh"), rows).astype(object),
            "income": np.where(rng.random(rows) < 0.2, np.nan, rng.lognormal(10, 0.5, rows)),
        }
    )
    return KnownTable(customers, (rng.random(rows) < probability).astype(np.int64), probability)


def _intercept(log_odds: np.ndarray, rate: float) -> float:
    """The intercept that gives the churn rate."""
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        if np.mean(1 / (1 + np.exp(-(log_odds + middle)))) < rate:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def ticket_of_most_churners(table: KnownTable, seed: int = 0) -> KnownTable:
    """A support ticket of 90 % of the churners and 2 % of the others: it is about the departure."""
    share = np.where(table.churned == 1, 0.9, 0.02)
    has_ticket = np.random.default_rng(seed).random(len(share)) < share
    return table.with_column(Column("ticket", "boolean"), has_ticket)


def level_of_some_churners(table: KnownTable, seed: int = 0) -> KnownTable:
    """A plan that a third of the churners were moved to, and nobody else."""
    moved = (table.churned == 1) & (np.random.default_rng(seed).random(len(table.churned)) < 1 / 3)
    plan = np.where(moved, "closed", "standard").astype(object)
    return table.with_column(Column("plan", "category", levels=("closed", "standard")), plan)


def missing_for_some_churners(table: KnownTable, seed: int = 0) -> KnownTable:
    """An income that was deleted for half of those who left, and is known of all others."""
    rng = np.random.default_rng(seed)
    income = rng.lognormal(10, 0.5, len(table.churned))
    income[(table.churned == 1) & (rng.random(len(income)) < 0.5)] = np.nan
    return table.with_values(income=income)


def without_new_customers(table: KnownTable, seed: int = 0) -> KnownTable:
    """New customers are in the table only if they have left."""
    new = table.customers["tenure"].to_numpy() < 6
    return table.take(~(new & (table.churned == 0)))


def measured_after_leaving(table: KnownTable, seed: int = 0) -> KnownTable:
    """Inactivity was measured later: those who left have long been inactive."""
    rng = np.random.default_rng(seed)
    late = np.where(table.churned == 1, rng.integers(30, 91, len(table.churned)), 0)
    return table.with_values(
        days_inactive=np.maximum(table.customers["days_inactive"].to_numpy() // 2, late)
    )


LEAKS: dict[str, Callable[[KnownTable, int], KnownTable]] = {
    "ticket of 90 % of the churners": ticket_of_most_churners,
    "level of a third of the churners": level_of_some_churners,
    "missing for half of the churners": missing_for_some_churners,
    "new customers only if they left": without_new_customers,
    "measured after leaving": measured_after_leaving,
}
