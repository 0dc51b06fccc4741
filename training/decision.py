"""Which customers a version predicts to churn: by a threshold, or by the profit of a campaign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_model.arrays import Floats, Mask
from churn_model.errors import TrainingError
from churn_model.offer import Offer
from churn_model.schema import RecordSchema
from churn_model.scoring import EXPECTED_PROFIT
from churn_model.scoring.campaign import Campaign, DecideBy, expected_profits
from churn_model.scoring.scorecard import Scorecard
from churn_model.tables.column_names import suggest
from training.data.table import Table
from training.evaluation.economics import Economics, economics
from training.evaluation.evaluation import HeldOut
from training.evaluation.thresholds import threshold_of_share

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class DecisionPlan:
    """What the user wants, or what was taken over from the champion.

    ``revenue``: the field with a customer's monthly revenue; None for the field that the schema
    marks. ``contact_at_most``: the most customers to contact, of as many as the table has;
    ``contact_share``: the same as a share (0..1), as a champion has it. ``threshold``: None to
    choose it. ``inherited``: what was taken over, as text.
    """

    offer: Offer | None = None
    revenue: str | None = None
    decide_by: DecideBy = "threshold"
    contact_at_most: int | None = None
    contact_share: float | None = None
    threshold: float | None = None
    inherited: str = ""


class Decision:
    """The decision for one table. ``economics``: the campaign's profit, set by ``decide``.

    Raises TrainingError if plan and table do not go together.
    """

    economics: Economics | None = None
    threshold: float = DEFAULT_THRESHOLD

    def __init__(self, plan: DecisionPlan, table: Table, schema: RecordSchema) -> None:
        self.plan = plan
        self.table = table
        self.revenue = revenue_field(schema, plan)
        self.share = _share(plan, table)

    def decide(self, held_out: HeldOut, seed: int) -> None:
        """Choose the threshold on held-out scores."""
        plan, lowest = self.plan, 0.0
        if self.share is not None:
            lowest = threshold_of_share(held_out.probability, held_out.weights, self.share)
            self.threshold = lowest
        elif plan.threshold is not None:
            self.threshold = plan.threshold
        if plan.offer is not None:
            self.economics = economics(
                plan.offer,
                held_out,
                self._paid(),
                decide_by=plan.decide_by,
                lowest_threshold=lowest,
                seed=seed,
            )
            self.threshold = self.economics.threshold

    def apply(self, scorecard: Scorecard) -> Scorecard:
        """The scorecard with this threshold and campaign."""
        scorecard = scorecard.model_copy(update={"threshold": self.threshold})
        if self.plan.offer is None or self.revenue is None:
            return scorecard
        campaign = Campaign.of(self.plan.offer, self.revenue, self.plan.decide_by, self.share)
        return scorecard.with_campaign(campaign)

    def predicted(self, held_out: HeldOut) -> Mask:
        """Which held-out scores (k,) predict churn."""
        by_threshold: Mask = held_out.probability >= self.threshold
        if self.plan.offer is None or self.plan.decide_by == "threshold":
            return by_threshold
        paid = self._paid()[held_out.rows]
        profits = expected_profits(self.plan.offer, held_out.probability, paid)
        return np.where(np.isnan(profits), by_threshold, profits > 0)

    @property
    def reason(self) -> str:
        """Where the threshold comes from; empty for the default."""
        if self.plan.offer is not None:
            where = "where the campaign earns the most"
            if not self.share:
                return where
            return f"{where} if at most {self.share:.1%} of the customers are contacted"
        if self.share:
            return f"which contacts at most {self.share:.1%} of the customers"
        return "as the champion's" if self.plan.threshold is not None else ""

    def _paid(self) -> Floats:
        """The monthly revenue (n,) of the table's rows, NaN if it is missing."""
        paid = self.table.customers[self.revenue]
        revenue: Floats = paid.to_numpy(np.float64, na_value=np.nan)
        return revenue


def revenue_field(schema: RecordSchema, plan: DecisionPlan) -> str | None:
    """The field with a customer's monthly revenue; None without a campaign.

    Raises TrainingError if there is none, or if another field has the name of an output column.
    """
    if plan.offer is None:
        if plan.decide_by == "profit":
            raise TrainingError(
                "--decide-by profit needs a campaign; describe it with --offer-cost "
                "--offer-success --horizon --margin"
            )
        if plan.revenue is not None:
            raise TrainingError(
                "--revenue is used by a campaign only; describe it with --offer-cost "
                "--offer-success --horizon --margin"
            )
        return None
    if EXPECTED_PROFIT in {column.name for column in schema}:
        raise TrainingError(
            f"{EXPECTED_PROFIT!r} is an output column of a model with a campaign; rename the "
            "table's column, or leave it out with --exclude"
        )
    numbers = numerical_features(schema)
    if plan.revenue is not None:
        if plan.revenue not in numbers:
            raise TrainingError(
                f"--revenue: {plan.revenue!r} is not a numerical feature."
                f"{suggest(plan.revenue, numbers, 'numerical features')}"
            )
        return plan.revenue
    declared = [column.name for column in schema.features if column.role == "monthly_revenue"]
    if not declared:
        raise TrainingError(
            "a campaign needs the field with a customer's monthly revenue; name it with --revenue "
            'FIELD, or give it "role": "monthly_revenue" in the schema'
        )
    return declared[0]


def numerical_features(schema: RecordSchema) -> list[str]:
    """The features that can be a revenue."""
    return [column.name for column in schema.features if column.kind in ("integer", "number")]


def _share(plan: DecisionPlan, table: Table) -> float | None:
    """The largest share (0..1) of customers to contact; None without a limit."""
    if plan.contact_at_most is None:
        return plan.contact_share
    customers = table.size
    if plan.contact_at_most >= customers:
        raise TrainingError(
            f"--contact-at-most {plan.contact_at_most}: the table has only {customers:,} "
            "customers; the number is understood as a share of them"
        )
    return plan.contact_at_most / customers
