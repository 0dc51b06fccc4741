"""A table of valid, labelled customers, and the rows that were rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.dates import day_numbers, iso_dates
from churn_model.errors import TrainingError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.tables.observations import Days, ObservationOptions
from churn_model.validation import check_frame
from training.data.customers import CustomersOfRows
from training.data.dataset import Dataset
from training.data.simulator import LAST_DAY, simulate

REJECTED_COLUMNS = ("row", "field", "column", "rule", "reason", "cell")

_EXAMPLES = 5


@dataclass(frozen=True)
class Population:
    """What is known of a table that was read in batches, and of which a sample is in memory.

    ``rows``: its valid, labelled rows. ``churn_rate``: their weighted share (0..1) that churned.
    ``customers``: how many they describe, estimated from the sample. ``reasons``: for each field,
    column and reason, the number of rejected rows; of these rows, only the first are listed.
    ``invalid_records``: the rows that are rejected for a field of the record.
    """

    rows: int
    churn_rate: float
    customers: int
    reasons: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    invalid_records: int = 0


@dataclass(frozen=True)
class Table:
    """A table ready to train on.

    ``customers``: n rows with the schema's columns; dates are ages in days on the observation date.
    ``churned`` (n,): 1 or 0. ``rejected``: one line per broken rule of each rejected row (its
    number in the file, counted from 0, field, column, rule, reason, cell). ``rows`` is the sum of
    n, ``rejected_rows``, ``unlabelled_rows`` and ``immature_rows``, whose label is not known yet.
    ``weights`` (n,): sample weights, 1 by default. ``customers_of_rows``: which customer each row
    belongs to. ``dates`` (n,): the days in the column ``split_by``, which order the rows in time.
    ``observed`` (n,): the observation dates, as ``observation`` says. ``audit``: columns (n,) of
    strings whose groups are evaluated. ``source``: the file; None for simulated customers.
    ``target``: the target's values, their counts and meanings, as text. ``notes``: what the user
    should know about its cells.
    """

    name: str
    customers: pd.DataFrame
    churned: npt.NDArray[np.int64]
    rejected: pd.DataFrame
    rows: int
    rejected_rows: int
    unlabelled_rows: int
    weights: npt.NDArray[np.float64]
    customers_of_rows: CustomersOfRows
    immature_rows: int = 0
    source: str | None = None
    dates: Days | None = None
    split_by: str = ""
    dataset: Dataset | None = None
    observation: ObservationOptions = field(default_factory=ObservationOptions)
    observed: Days | None = None
    target: str = ""
    notes: tuple[str, ...] = ()
    audit: pd.DataFrame = field(default_factory=pd.DataFrame)
    population: Population | None = None

    def features(self, schema: RecordSchema) -> RecordSchema:
        """The schema of ``customers``: the record's schema with ages in place of dates."""
        return schema.with_ages(f"days before {self.observation.as_of}") if schema.dates else schema

    def as_sent(self, rows: int, schema: RecordSchema) -> pd.DataFrame:
        """The first customers in the form in which they are sent to be scored: dates as strings."""
        first = self.customers.head(rows).copy()
        if self.observed is not None:
            days = day_numbers(self.observed[:rows])
            for column in schema.dates:
                first[column.name] = iso_dates(days - first[column.name].to_numpy())
        return first

    def take(self, rows: npt.NDArray[np.intp]) -> Table:
        """The table with only these of its n rows; the counts stay those of the file."""
        return replace(
            self,
            customers=self.customers.iloc[rows].reset_index(drop=True),
            churned=self.churned[rows],
            weights=self.weights[rows],
            customers_of_rows=self.customers_of_rows.take(rows),
            dates=None if self.dates is None else self.dates[rows],
            observed=None if self.observed is None else self.observed[rows],
            audit=self.audit.iloc[rows].reset_index(drop=True) if len(self.audit) else self.audit,
        )

    def customers_by_class(self) -> tuple[int, int]:
        """How many customers have a row that churned, and how many have one that stayed."""
        codes = self.customers_of_rows.code
        churned, stayed = (len(np.unique(codes[self.churned == label])) for label in (1, 0))
        return churned, stayed

    @property
    def last_observed(self) -> date | None:
        """The last observation date; None if unknown."""
        if self.observed is None or not len(self.observed):
            return None
        return date.fromisoformat(str(self.observed.max()))

    @property
    def churn_rate(self) -> float:
        """Weighted share of churned customers (0..1)."""
        return float(np.average(self.churned, weights=self.weights))

    def at_prior(self, rate: float) -> Table:
        """The table of a resampled population, weighted so that its churn rate is ``rate`` (0..1).

        Each class is weighted by its true share over its share in the table (King and Zeng 2001,
        "Logistic regression in rare events data", Political Analysis 9). Raises TrainingError.
        """
        if not 0 < rate < 1:
            raise TrainingError(f"--prior {rate:g}: the true churn rate is between 0 and 1")
        observed = self.churn_rate
        factors = np.where(self.churned == 1, rate / observed, (1 - rate) / (1 - observed))
        return replace(self, weights=self.weights * factors)

    def summary(self) -> str:
        """How many rows were read, used, rejected, and without a label."""
        customers = self.customers_of_rows
        text = (
            f"{self.rows:,} rows, {self._used()}, "
            f"{self.rejected_rows:,} rejected, {self.unlabelled_rows:,} without a label"
        )
        if self.observation.window:
            known_until = self.observation.known_until
            text += f", {self.immature_rows:,} whose window has not ended on {known_until}"
        return f"{text}; {customers.n:,} customers" if customers.repeat else text

    def _used(self) -> str:
        population, used = self.population, len(self.churned)
        if population is None or not self.is_sample:
            return f"{used:,} used ({self.churned.mean():.1%} churned)"
        return (
            f"{population.rows:,} valid ({population.churn_rate:.1%} churned), of which a sample "
            f"of {used:,} is used ({self.churned.mean():.1%} churned)"
        )

    @property
    def is_sample(self) -> bool:
        """Whether the table has more valid rows than those that are used."""
        return self.population is not None and self.population.rows > len(self.churned)

    @property
    def size(self) -> int:
        """How many customers the table describes, also those that were not sampled."""
        return self.population.customers if self.population else self.customers_of_rows.n


def simulated_table(rows: int, seed: int, as_of: date | None = None) -> Table:
    """Simulated customers as a table; dates, if the schema has any, become ages on ``as_of``."""
    simulation = simulate(rows, seed)
    rejected = pd.DataFrame(columns=list(REJECTED_COLUMNS))
    weights = np.ones(rows)
    table = Table(
        "simulated customers",
        simulation.customers,
        simulation.churned,
        rejected,
        rows,
        0,
        0,
        weights,
        CustomersOfRows.one_per_row(rows),
    )
    if not CUSTOMER_SCHEMA.dates:
        return table
    day = as_of or date.fromisoformat(LAST_DAY)
    observed = np.full(rows, np.datetime64(day, "D"))
    checked = check_frame(simulation.customers, CUSTOMER_SCHEMA)
    ages = {
        column.name: day_numbers(observed) - checked.values[column.name]
        for column in CUSTOMER_SCHEMA.dates
    }
    return replace(
        table,
        customers=table.customers.assign(**ages),
        observation=ObservationOptions(day),
        observed=observed,
    )


def describe_rejected(table: Table) -> str:
    """Why rows were rejected: for each field and reason, the number of rows and some examples."""
    if table.population is not None:
        return _describe_reasons(table.population.reasons)
    groups = table.rejected.groupby(["field", "column", "reason"], sort=False, dropna=False)["row"]
    parts = []
    for (name, column, reason), rows in sorted(groups, key=lambda item: -len(item[1])):
        examples = ", ".join(map(str, rows.head(_EXAMPLES)))
        parts.append(f"{name} (column {column!r}) {reason}: {len(rows)} rows, e.g. {examples}")
    return "; ".join(parts)


def _describe_reasons(reasons: Mapping[tuple[str, str, str], int]) -> str:
    return "; ".join(
        f"{name} (column {column!r}) {reason}: {rows:,} rows"
        if name
        else f"{reason}: {rows:,} rows"
        for (name, column, reason), rows in sorted(reasons.items(), key=lambda item: -item[1])
    )
