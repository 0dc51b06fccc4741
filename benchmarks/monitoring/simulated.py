"""Simulated customers with a contract, models of them, and the ways in which they can change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from churn_model.arrays import Floats
from churn_model.profile import CellCounts, MonitoringProfile
from churn_model.profile.cell_counts import count_customers
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.scoring import Scorer
from churn_model.validation import check_frame
from monitoring.windows import Window
from training.data.customers import CustomersOfRows
from training.data.simulator import simulate, true_probability
from training.data.table import REJECTED_COLUMNS, Table
from training.evaluation.evaluation import SCORECARD, HeldOut
from training.evaluation.held_out_scores import score_scorecard
from training.evaluation.metrics import Labels
from training.evaluation.monitoring_profile import monitoring_profile
from training.fitting.fit import fit
from training.fitting.labelled_rows import LabelledRows
from training.fitting.splits import by_folds

CONTRACTS = {"monthly": 0.4, "yearly": -0.2, "two years": -0.8}
"""The effect of each contract on the log-odds."""

_CONTRACT_SHARES = (0.5, 0.3, 0.2)
_FOLDS = 5
START, DAY = datetime(2026, 1, 1, tzinfo=timezone.utc), timedelta(days=1)


@dataclass(frozen=True)
class Customers:
    """n customers. ``probability`` (n,): the true one, with which ``churned`` (n,) was drawn."""

    table: pd.DataFrame
    churned: Labels
    probability: Floats

    def take(self, rows: slice) -> Customers:
        """Some of the customers."""
        return Customers(self.table.iloc[rows], self.churned[rows], self.probability[rows])


def schema() -> RecordSchema:
    """The default record, and the contract."""
    document = CUSTOMER_SCHEMA.to_json_schema()
    levels = {"anyOf": [{"enum": list(CONTRACTS)}, {"type": "string"}]}
    document["properties"] = {**document["properties"], "contract": levels}
    document["propertyOrdering"] = [*document["propertyOrdering"], "contract"]
    document["required"] = [*document["required"], "contract"]
    return RecordSchema.from_json_schema(document)


Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def unchanged(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The customers as they are."""
    return table


def dearer(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """All prices rise by 10 %."""
    return table.assign(monthly_charges=(table["monthly_charges"] * 1.1).round(2))


def newer(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """A quarter of the customers is replaced by new ones, in their first year."""
    is_new = rng.random(len(table)) < 0.25
    months = rng.integers(0, 12, len(table))
    paid = np.round(table["monthly_charges"] * (months + 1) * 0.95, 2)
    return table.assign(
        tenure=np.where(is_new, months, table["tenure"]),
        total_charges=np.where(is_new, paid, table["total_charges"]),
    )


def draw(rows: int, seed: int, change: Change = unchanged, *, inverted: bool = False) -> Customers:
    """Draw customers; their features change before they decide whether to churn.

    ``inverted``: the relation changes. New customers churn as rarely as old ones did, and old ones
    as often.
    """
    rng = np.random.default_rng([seed, 15])
    table = simulate(rows, seed).customers
    table["contract"] = rng.choice(list(CONTRACTS), rows, p=_CONTRACT_SHARES)
    table = change(table, rng)
    months = table["tenure"].to_numpy()
    if inverted:
        months = 60 - np.minimum(months, 60)
    probability = true_probability(
        table["age"].to_numpy(), months, table["monthly_charges"].to_numpy()
    )
    effect = table["contract"].map(CONTRACTS).to_numpy()
    probability = expit(logit(probability) + effect)
    churned = (rng.random(rows) < probability).astype(np.int64)
    return Customers(table, churned, probability)


@dataclass(frozen=True)
class Model:
    """A fitted version, with its profile and the customers that it was trained on."""

    scorer: Scorer
    profile: MonitoringProfile
    training: Customers
    held_out: Floats
    """The held-out probabilities (n,) of the training customers."""

    @cached_property
    def schema(self) -> RecordSchema:
        """Of the records."""
        return schema()

    def score(self, table: pd.DataFrame) -> Floats:
        """The probabilities (n,)."""
        return self.scorer.score(table).probability

    def count(self, table: pd.DataFrame) -> CellCounts:
        """The counts of a window with these customers, who are all valid."""
        checked = check_frame(table, self.schema)
        checked.raise_if_invalid()
        scores = self.scorer.score_columns(checked)
        return count_customers(
            self.scorer.lookup, self.scorer.inputs(checked), scores.probability, scores.prediction
        )


def train(rows: int, seed: int) -> Model:
    """Fit a version on customers without any change, as ``churn train`` does."""
    drawn, record = draw(rows, seed), schema()
    scorer = Scorer(fit(drawn.table, drawn.churned, record, seed).scorecard, record)
    held_out = np.full(rows, np.nan)
    weights = np.ones(rows)
    labelled = LabelledRows.unweighted(drawn.table, drawn.churned, record)
    for split in by_folds(drawn.churned, folds=_FOLDS, repeats=1, seed=seed).pairs:
        held_out[split[1]] = score_scorecard(labelled, split, seed=seed)
    everyone = np.arange(rows)
    scores = HeldOut(everyone, everyone, drawn.churned, weights, {SCORECARD: held_out})
    profile = monitoring_profile(scorer, _as_table(drawn), scores)
    return Model(scorer, profile, drawn, held_out)


def _as_table(drawn: Customers) -> Table:
    rows = len(drawn.churned)
    rejected = pd.DataFrame(columns=list(REJECTED_COLUMNS))
    customers = CustomersOfRows.one_per_row(rows)
    weights = np.ones(rows)
    return Table("simulated", drawn.table, drawn.churned, rejected, rows, 0, 0, weights, customers)


def window(number: int, counts: CellCounts) -> Window:
    """The window of a day."""
    return Window(START + number * DAY, START + (number + 1) * DAY, counts)


def print_row(cells: list[str]) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(cells) + " |", flush=True)


def print_header(cells: list[str]) -> None:
    """Print the header of a Markdown table."""
    print_row(cells)
    print_row(["---"] * len(cells))
