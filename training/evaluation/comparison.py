"""Compares champion and challenger on the same fresh customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student_t

from churn_model.arrays import Floats, Mask
from churn_model.errors import TrainingError
from churn_model.scoring import Scorer, Scores
from churn_model.scoring.campaign import expected_profits
from training.data.customers import CustomersOfRows
from training.data.table import Table
from training.evaluation.calibration import Calibration, calibration
from training.evaluation.evaluation import SCORECARD, HeldOut
from training.evaluation.gates import absolute_values
from training.evaluation.group_gates import audited_columns, group_values
from training.evaluation.intervals import Interval, percentile, resamples, standard_error
from training.evaluation.metrics import log_losses, metrics, skill
from training.evaluation.slices import groups, slices

_FEWEST = 50  # customers of a slice that is examined
_NORMAL = 1.96  # standard errors of a 95 % interval


@dataclass(frozen=True)
class WorstSlice:
    """The slice where the challenger's log loss rises most.

    ``rise``: the lower end of its 95 % interval; 0 if it rises significantly in no slice.
    """

    rise: float
    name: str


@dataclass(frozen=True)
class Paired:
    """A mean over customers for both versions, and the difference, challenger minus champion.

    ``interval``: of the difference, from resamples of the customers.
    """

    champion: float
    challenger: float
    interval: Interval

    @property
    def difference(self) -> float:
        """The challenger's value minus the champion's."""
        return self.challenger - self.champion


@dataclass(frozen=True)
class Comparison:
    """Both versions' metrics on the n customers that both accept.

    ``gap``: the challenger's log loss minus the champion's, with its paired bootstrap ``interval``;
    below 0 the challenger is better. ``better``: the confidence (0..1) that it is, of a one-sided
    t-test over customers. ``contacted``: the share (0..1) of customers that each version predicts
    to churn. ``profit``: the profit per customer of contacting these, None without a campaign; it
    is that of the customers whose revenue is known, in the campaign of the version that
    ``campaign`` names. ``left_out``: the number of customers that one of the two rejects.
    ``calibration``: of the challenger.
    """

    customers: int
    left_out: int
    champion: dict[str, float]
    challenger: dict[str, float]
    gap: float
    interval: Interval
    better: float
    contacted: Paired
    worst_slice: WorstSlice
    champion_calibration: Calibration
    calibration: Calibration
    profit: Paired | None = None
    campaign: Literal["", "champion", "challenger"] = ""

    def values(self) -> dict[str, float]:
        """The values that a challenger's gates check; the profit only with a campaign."""
        profit = {} if self.profit is None else {"profit": self.profit.interval.high}
        return profit | {
            "better": self.better,
            **self.calibration.gate_values_against(self.champion_calibration),
            "worst_slice": self.worst_slice.rise,
            "contacted": abs(self.contacted.difference),
        }


def compare(champion: Scorer, challenger: Scorer, table: Table, seed: int = 0) -> Comparison:
    """Score the table, whose columns are the challenger's, with both versions.

    Raises TrainingError if the customers that both accept are not of both classes.
    """
    scores = _scores(champion, table), _scores(challenger, table)
    both = scores[0].valid & scores[1].valid
    before, after = (each.probability for each in scores)
    churned, weights = table.churned[both], table.weights[both]
    if len(np.unique(churned)) < 2:
        raise TrainingError(
            f"{table.name}: both versions accept {int(both.sum())} of its {len(both)} customers, "
            "and these are not of both classes; use a table with more labelled customers"
        )
    rises = log_losses(churned, after[both]) - log_losses(churned, before[both])
    customers = table.customers_of_rows.take(np.flatnonzero(both))
    decisions = [each.prediction[both].astype(np.float64) for each in scores]
    campaign, gains = _gains(champion, challenger, table)
    contacted, profit = decisions, [each * gains[both] for each in decisions]
    differences = [rises, contacted[1] - contacted[0], profit[1] - profit[0]]
    drawn = _resampled_means(np.array(differences), weights, customers, seed)
    return Comparison(
        customers=customers.n,
        left_out=int((~both).sum()),
        champion=metrics(churned, before[both], weights),
        challenger=metrics(churned, after[both], weights),
        gap=float(np.average(rises, weights=weights)),
        interval=percentile(drawn[:, 0]),
        better=confidence_below_zero(rises, weights, customers),
        contacted=_paired(contacted, weights, drawn[:, 1]),
        profit=_paired(profit, weights, drawn[:, 2]) if campaign else None,
        campaign=campaign,
        worst_slice=_worst_slice(challenger, table, both, rises, weights, customers),
        champion_calibration=calibration(churned, before[both], weights, customers.code),
        calibration=calibration(churned, after[both], weights, customers.code),
    )


def _gains(
    champion: Scorer, challenger: Scorer, table: Table
) -> tuple[Literal["", "champion", "challenger"], Floats]:
    """Whose campaign counts, and what contacting each customer earns in it (n,).

    The challenger's comes first: it is the newer one. The gain is NaN where the revenue is missing.
    """
    campaigns = champion.scorecard.campaign, challenger.scorecard.campaign
    campaign = campaigns[1] or campaigns[0]
    if campaign is None:
        return "", np.full(len(table.churned), np.nan)
    revenue = table.customers[campaign.revenue].to_numpy(np.float64, na_value=np.nan)
    gains = expected_profits(campaign.offer, table.churned.astype(np.float64), revenue)
    if not np.isfinite(gains).any():
        return "", gains
    return ("challenger" if campaigns[1] else "champion"), gains


def _resampled_means(
    values: Floats, weights: Floats, customers: CustomersOfRows, seed: int
) -> Floats:
    """The means of m values of n rows (m, n) in each of r resamples of the customers (r, m).

    NaN values are left out.
    """
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    means = []
    with np.errstate(invalid="ignore"):  # the mean of no values is NaN
        for counts in resamples(customers.n, seed):
            drawn = weights * counts[customers.code]
            means.append(filled @ drawn / (known @ drawn))
    return np.array(means)


def _paired(values: Sequence[Floats], weights: Floats, drawn: Floats) -> Paired:
    """``values``: (n,) of champion and challenger. ``drawn``: the resampled differences."""
    means = [
        float(np.average(each[known], weights=weights[known]))
        for each in values
        for known in [np.isfinite(each)]
    ]
    return Paired(means[0], means[1], percentile(drawn))


def confidence_below_zero(rises: Floats, weights: Floats, customers: CustomersOfRows) -> float:
    """The confidence (0..1) that the true mean of rises (n,) is below 0; 0 if all are equal."""
    mean = float(np.average(rises, weights=weights))
    error = standard_error(rises - mean, weights, customers.code)
    return float(student_t.cdf(-mean / error, df=customers.n - 1)) if error > 0 else 0.0


def absolute_values_of(model: Scorer, table: Table) -> dict[str, float]:
    """The values that the absolute gates check for the table's customers, except alarms."""
    churned, weights = table.churned, table.weights
    scores = _scores(model, table)
    probability = scores.probability
    values = metrics(churned, probability, weights)
    customers = table.customers_of_rows.code
    rows = np.arange(len(churned))
    held_out = HeldOut(rows, customers, churned, weights, {SCORECARD: probability})
    found = slices(table.customers, model.schema, held_out, scores.prediction == 1, table.audit)
    return absolute_values(
        values,
        skill(values["log_loss"], churned, weights),
        calibration(churned, probability, weights, customers),
    ) | group_values(found, audited_columns(model.schema, table.audit))


def score_table(model: Scorer, table: Table) -> Floats:
    """Probabilities (n,), NaN where the model rejects the customer."""
    return _scores(model, table).probability


def _scores(model: Scorer, table: Table) -> Scores:
    names = [column.name for column in model.schema if column.name in table.customers]
    return model.score(table.customers[names], on_invalid="report")


def _worst_slice(
    challenger: Scorer,
    table: Table,
    both: Mask,
    rises: Floats,
    weights: Floats,
    customers: CustomersOfRows,
) -> WorstSlice:
    worst = WorstSlice(0.0, "no slice")
    for column in challenger.schema.features:
        for label, mask in groups(column, table.customers[column.name][both]):
            if mask.sum() < _FEWEST:
                continue
            rise = _significant_rise(rises[mask], weights[mask], customers.code[mask])
            if rise > worst.rise:
                worst = WorstSlice(rise, f"{column.name} {label}")
    return worst


def _significant_rise(rises: Floats, weights: Floats, customers: npt.NDArray[np.intp]) -> float:
    """The lower end of the 95 % interval of the mean rise in log loss of rows (m,)."""
    mean = float(np.average(rises, weights=weights))
    return mean - _NORMAL * standard_error(rises - mean, weights, customers)
