"""The limits from which a change is an alarm; ``limits.toml`` has them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from churn_model.toml_file import read_toml

DEFAULT = Path(__file__).with_name("limits.toml")

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
_YEAR = timedelta(days=365.25)

Level = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Size = Annotated[float, Field(ge=0)]


class DriftLimits(BaseModel):
    """``[drift]``: significant, material and repeated."""

    model_config = _STRICT

    significance: Level
    log_odds: Size
    movement: Size
    log_loss: Size
    windows: Annotated[int, Field(ge=1)]


class FeedLimits(BaseModel):
    """``[broken_feed]``: significant, and by at least so much of the rows."""

    model_config = _STRICT

    significance: Level
    rejected: Share
    missing: Share
    unlisted: Share


class VolumeLimits(BaseModel):
    """``[volume]``: what is missing by the population's own history."""

    model_config = _STRICT

    history: Annotated[int, Field(ge=2)]
    longer: Annotated[float, Field(ge=1)]
    low: Share


class LabelLimits(BaseModel):
    """``[labels]``: from which realised performance counts as worse than expected."""

    model_config = _STRICT

    error: Level
    significance: Level
    brier: Size
    auc: Size
    calibration: Size
    recent: Annotated[int, Field(ge=1)]


class Limits(BaseModel):
    """The limits of all alarms, and of the verdict."""

    model_config = _STRICT

    drift: DriftLimits
    broken_feed: FeedLimits
    volume: VolumeLimits
    labels: LabelLimits


def load_limits(path: str | Path | None = None) -> Limits:
    """Read a file of limits, by default this project's. Raises InvalidToml."""
    return read_toml(path or DEFAULT, Limits)


def false_alarms_per_year(limits: Limits, every: timedelta) -> float:
    """The number of alarms of one population to expect per year at most if nothing changes.

    ``every``: the width of a window. An upper bound: a drift must also be repeated and material.
    Alarms for missing volume are not included, because they have no error level.
    """
    per_window = limits.drift.significance + limits.broken_feed.significance
    return min(1.0, per_window) * (_YEAR / every)
