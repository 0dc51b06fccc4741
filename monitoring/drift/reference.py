"""What a window is compared with: the training rows, or the same population a season earlier."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from churn_model.arrays import Floats
from churn_model.errors import MonitoringError
from churn_model.profile import CellCounts, MonitoringProfile
from churn_model.scoring.scorecard import Scorecard
from monitoring.drift.feature_shares import missing_shares, unlisted_shares
from monitoring.windows import Window

TRAINING = "the training rows"


@dataclass(frozen=True)
class Reference:
    """The distribution that windows are compared with; the counts may be weighted.

    ``terms``: the counts per table cell of each term, empty if only the scores are known.
    ``customers``: the number of independent observations behind them. ``scores`` (BINS,) and
    ``scored``: the same of the score histogram. ``missing``, ``unlisted``: the shares (0..1) by
    feature. ``rejected``: the share of ``rows`` that were rejected.
    """

    terms: tuple[Floats, ...]
    customers: float
    scores: Floats
    scored: float
    missing: Mapping[str, float]
    unlisted: Mapping[str, float]
    rejected: float
    rows: float

    @classmethod
    def of_profile(cls, profile: MonitoringProfile) -> Reference:
        """The training rows of a version; its scores are held-out scores."""
        return cls(
            terms=profile.counts(),
            customers=profile.customers,
            scores=np.array(profile.scores.rows),
            scored=profile.held_out_customers,
            missing=profile.missing,
            unlisted=profile.unlisted,
            rejected=profile.rejected,
            rows=profile.customers,
        )

    @classmethod
    def of_counts(cls, counts: CellCounts, scorecard: Scorecard) -> Reference:
        """Customers that were scored earlier."""
        return cls(
            terms=counts.terms,
            customers=counts.scored,
            scores=counts.scores,
            scored=counts.scored,
            missing=missing_shares(counts, scorecard),
            unlisted=unlisted_shares(counts, scorecard),
            rejected=counts.rejected_share,
            rows=counts.scored + counts.rejected,
        )


def references(
    windows: Sequence[Window],
    scorecard: Scorecard,
    profile: MonitoringProfile,
    season: timedelta | None = None,
) -> list[Reference | None]:
    """The reference of each window.

    ``season``: compare with the same population so much earlier, instead of with the training rows.
    Then the reference is the window at that time with those before and after it, because seasons do
    not begin on the same day of the week; it is None if nothing was scored then. Raises
    MonitoringError if that is so for all windows.
    """
    if season is None:
        training = Reference.of_profile(profile)
        return [training] * len(windows)
    found = [_a_season_earlier(window, windows, season, scorecard) for window in windows]
    if windows and not any(found):
        raise MonitoringError(
            f"no window can be compared with one {_days(season)} earlier: the first window starts "
            f"on {windows[0].start:%Y-%m-%d}, the last one on {windows[-1].start:%Y-%m-%d}; choose "
            "a shorter --reference, or leave it out to compare with the training rows"
        )
    return found


def reference_name(season: timedelta | None) -> str:
    """The reference in words."""
    return TRAINING if season is None else f"the customers scored {_days(season)} earlier"


def _days(season: timedelta) -> str:
    return f"{season / timedelta(days=1):g} days"


def _a_season_earlier(
    window: Window, windows: Sequence[Window], season: timedelta, scorecard: Scorecard
) -> Reference | None:
    width = window.end - window.start
    start, end = window.start - season - width, window.end - season + width
    first = bisect_right(windows, start, key=lambda other: other.end)
    last = bisect_left(windows, end, key=lambda other: other.start)
    counts = CellCounts()
    for other in windows[first:last]:
        if other.end <= window.start:  # a window is no part of its own reference
            counts = counts + other.counts
    return Reference.of_counts(counts, scorecard) if counts.scored else None
