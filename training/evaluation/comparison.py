"""Champion and challenger on the same fresh customers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_model.errors import TrainingError
from churn_model.scoring import Scorer
from training.data.table import Table
from training.evaluation.alarms import alarms
from training.evaluation.intervals import Interval, percentile, resamples, standard_error
from training.evaluation.metrics import Floats, log_losses, metrics, skill
from training.evaluation.slices import Mask, groups

_FEWEST = 50  # customers of a group before harm to it is looked for
_NORMAL = 1.96  # standard errors of a 95 % interval


@dataclass(frozen=True)
class Harm:
    """The group in which the challenger's log loss rises most beyond chance (0: in none)."""

    value: float
    group: str


@dataclass(frozen=True)
class Comparison:
    """Both models' metrics on n customers that both accept.

    ``gap``: the challenger's log loss above the champion's (below 0: it is better), with its paired
    bootstrap ``interval``; ``better``: the share (0..1) of the resamples in which it is lower.
    ``left_out``: customers that one of the two refuses. ``alarms``: of the fresh table.
    """

    customers: int
    left_out: int
    champion: dict[str, float]
    challenger: dict[str, float]
    gap: float
    interval: Interval
    better: float
    harm: Harm
    alarms: int

    def values(self) -> dict[str, float]:
        """What a challenger's gates are held against."""
        return {
            "better": self.better,
            "calibration_error": self.challenger["calibration_error"],
            "worst_slice": self.harm.value,
            "alarms": float(self.alarms),
        }


def compare(champion: Scorer, challenger: Scorer, table: Table, seed: int = 0) -> Comparison:
    """Score the table, whose columns are the challenger's, with both.

    Raises TrainingError where there is no customer of each class that both accept.
    """
    theirs = _score(champion, table)
    ours = _score(challenger, table)
    both = np.isfinite(theirs) & np.isfinite(ours)
    churned, weights = table.churned[both], table.weights[both]
    if len(np.unique(churned)) < 2:
        raise TrainingError(
            f"{table.name}: of its {len(both)} customers both models accept {int(both.sum())}, and "
            "these did not both churn and stay; bring a table with fresh labelled customers"
        )
    rises = log_losses(churned, ours[both]) - log_losses(churned, theirs[both])
    gap = float(np.average(rises, weights=weights))
    drawn = np.array(
        [np.average(rises, weights=weights * counts) for counts in resamples(len(rises), seed)]
    )
    return Comparison(
        customers=len(rises),
        left_out=int((~both).sum()),
        champion=metrics(churned, theirs[both], weights),
        challenger=metrics(churned, ours[both], weights),
        gap=gap,
        interval=percentile(drawn),
        better=float((drawn < 0).mean()),
        harm=_harm(challenger, table, both, rises, weights),
        alarms=len(alarms(table.customers, table.churned, challenger.schema)),
    )


def absolute(model: Scorer, table: Table) -> dict[str, float]:
    """What the gates of a first champion are held against, on the table's customers."""
    probability = _score(model, table)
    found = metrics(table.churned, probability, table.weights)
    removed = skill(found["log_loss"], table.churned, table.weights)
    alarmed = len(alarms(table.customers, table.churned, model.schema))
    return {**found, "skill": removed, "alarms": float(alarmed)}


def _score(model: Scorer, table: Table) -> Floats:
    """Probabilities (n,), NaN where the model refuses the customer."""
    names = [column.name for column in model.schema if column.name in table.customers]
    return model.score(table.customers[names], on_invalid="report").probability


def _harm(challenger: Scorer, table: Table, both: Mask, rises: Floats, weights: Floats) -> Harm:
    worst = Harm(0.0, "no group")
    for column in challenger.schema.features:
        for label, mask in groups(column, table.customers[column.name][both]):
            if mask.sum() < _FEWEST:
                continue
            inside, each = rises[mask], weights[mask]
            mean = float(np.average(inside, weights=each))
            error = standard_error(inside - mean, each, np.arange(len(inside)))
            beyond = mean - _NORMAL * error
            if beyond > worst.value:
                worst = Harm(beyond, f"{column.name} {label}")
    return worst
