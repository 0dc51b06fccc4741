"""Whether the labels of a fresh table look final, judged by its churn rate.

If part of the churn has not happened yet, a model that was trained on such labels looks better than
one that predicts what will happen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_model.arrays import Floats
from training.data.table import Table
from training.evaluation.intervals import standard_error

_MATERIAL = 1.25
"""Ratio of observed to predicted churn up to which a difference is drift that a model survives."""
_LOWEST = 0.7
"""Share of the champion's churn rate below which labels that may not be final are implausible."""
_ERRORS = 3.0  # standard errors beyond which a difference is not chance


@dataclass(frozen=True)
class Expected:
    """What a version leads to expect.

    ``probability`` (n,): of the fresh customers, NaN where the version rejects one. ``trained_on``:
    the churn rate (0..1) in its training table; None if that is not recorded.
    """

    version: str
    probability: Floats
    trained_on: float | None


def implausible_churn_rate(table: Table, champion: Expected, challenger: Expected) -> list[str]:
    """Why the table's labels may not be final; empty if its churn rate is plausible.

    A rate that differs from what both versions predict, in the same direction, is implausible. So
    is one far below that of the champion's training table if no window says which time the labels
    cover, because the challenger may have been trained on labels of the same kind.
    """
    both = np.flatnonzero(np.isfinite(champion.probability + challenger.probability))
    fresh = table.take(both)
    gaps = [_gap(fresh, version.probability[both]) for version in (champion, challenger)]
    too_low = not fresh.observation.window and _is_far_below(fresh, champion.trained_on)
    if not too_low and (gaps[0] == 0 or gaps[0] != gaps[1]):
        return []
    predicted = ", ".join(
        _describe(version, float(np.average(version.probability[both], weights=fresh.weights)))
        for version in (champion, challenger)
    )
    text = f"{fresh.churn_rate:.1%} of the fresh customers churned, but {predicted}. "
    if too_low or gaps[0] < 0:
        text += "Check that the labels are final: "
        if fresh.observation.window:
            text += (
                "churn must be recorded up to --known-until, by default the last observation date, "
                "and a label may cover no more than --window"
            )
        else:
            text += (
                "name the observation date and the time that a label covers (--as-of COLUMN "
                "--window 60D), so that rows whose churn may still come are left out"
            )
    else:
        text += "Check --target, and whether the table was resampled (--prior RATE)"
    return [text]


def _describe(version: Expected, predicted: float) -> str:
    trained_on = (
        "" if version.trained_on is None else f" and was trained on {version.trained_on:.1%}"
    )
    return f"version {version.version} predicts {predicted:.1%}{trained_on}"


def _gap(table: Table, probability: Floats) -> int:
    """1 if clearly more customers churned than predicted, -1 if clearly fewer did, else 0."""
    predicted = float(np.average(probability, weights=table.weights))
    gap = table.churn_rate - predicted
    error = _standard_error(table, table.churned - probability)
    if abs(gap) <= _ERRORS * error or 1 / _MATERIAL <= table.churn_rate / predicted <= _MATERIAL:
        return 0
    return 1 if gap > 0 else -1


def _is_far_below(table: Table, rate: float | None) -> bool:
    if rate is None:
        return False
    error = _standard_error(table, table.churned.astype(np.float64))
    return table.churn_rate < min(_LOWEST * rate, rate - _ERRORS * error)


def _standard_error(table: Table, values: Floats) -> float:
    """The standard error of the weighted mean of values (n,)."""
    deviations = values - np.average(values, weights=table.weights)
    return standard_error(deviations, table.weights, table.customers_of_rows.code)
