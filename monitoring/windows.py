"""What was scored, by population and window of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final, NamedTuple, TypeAlias

from churn_model.profile import CellCounts

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
"""From which windows are counted."""


class Population(NamedTuple):
    """Customers that are compared over time: those that one version scored for one source.

    ``source``: ``serve``, ``mlflow``, ``batch``, ... An API and a monthly batch score different
    customers, so they are never added.
    """

    model_name: str
    model_version: str
    source: str


@dataclass(frozen=True)
class Window:
    """The counts of a population from ``start`` up to ``end``, exclusive (both in UTC)."""

    start: datetime
    end: datetime
    counts: CellCounts


WindowsByPopulation: TypeAlias = Mapping[Population, list[Window]]
"""The windows of each population, earliest first. Windows without rows are not left out."""
