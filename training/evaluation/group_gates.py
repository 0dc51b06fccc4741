"""How the groups of customers fare, as values that the absolute gates check."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from churn_model.schema import RecordSchema
from training.data.protected_attributes import protected_attributes
from training.evaluation.slices import Slice

_FEWEST = 30  # churners of a group whose recall is compared
_STANDARD_ERRORS = 4.0  # a table has some hundred groups, so chance alone produces three


def audited_columns(schema: RecordSchema, audit: pd.DataFrame) -> list[str]:
    """The features that look like attributes protected by law, and the columns of ``--audit``."""
    return [*protected_attributes(column.name for column in schema.features), *map(str, audit)]


def group_values(slices: Iterable[Slice], audited: Collection[str]) -> dict[str, float]:
    """The values of the gates on groups, 0 where nothing goes beyond sampling noise.

    ``group_calibration``: the largest difference (0..1) between predicted and observed churn rate
    of a slice. ``group_contacted``: the largest difference (0..1) between the shares of the
    churners that are contacted in two groups of one of the ``audited`` columns.
    """
    found = list(slices)
    return {
        "group_calibration": max((_miscalibration(each) for each in found), default=0.0),
        "group_contacted": max(
            (_contacted_gap([each for each in found if each.feature == name]) for name in audited),
            default=0.0,
        ),
    }


def _miscalibration(group: Slice) -> float:
    gap = abs(group.predicted - group.observed)
    return max(0.0, gap - _STANDARD_ERRORS * group.standard_error)


def _contacted_gap(groups: Iterable[Slice]) -> float:
    """The difference in recall between the best and the worst group, beyond sampling noise."""
    known = [
        (group.recall, _error(group))
        for group in groups
        if group.recall is not None and group.customers * group.observed >= _FEWEST
    ]
    if len(known) < 2:
        return 0.0
    (highest, error_of_highest), (lowest, error_of_lowest) = max(known), min(known)
    noise = float(np.hypot(error_of_highest, error_of_lowest))
    return max(0.0, highest - lowest - _STANDARD_ERRORS * noise)


def _error(group: Slice) -> float:
    """The standard error of a group's recall."""
    recall = group.recall or 0.0
    return float(np.sqrt(recall * (1 - recall) / (group.customers * group.observed)))
