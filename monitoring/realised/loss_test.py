"""Has the realised loss risen? A test that may be repeated at every run.

The test of Podkopaev and Ramdas 2021, "Tracking the risk of a deployed model and detecting harmful
distribution shifts", arXiv 2110.06177, with the Brier loss: the risk has risen if a lower bound of
the risk in production exceeds an upper bound of the risk on held-out rows plus a tolerance. Each
customer is compared with held-out rows of the same score, so that another mix of customers, which
is drift, is no rise. The test starts anew in each month and divides its error among the starts, so
that many good months do not hide a recent decline.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats, sigmoid
from churn_model.profile.score_bins import BINS, PROBABILITY, score_bins
from monitoring.estimation.calibration_map import DESIGN, CalibrationMap
from monitoring.labels.matched import Matched
from monitoring.realised.confidence_sequence import lower_bounds
from monitoring.realised.intercept import fit_intercept

RECENT = 90
_REFERENCE = 1.959964
"""Standard errors of the upper bound of the held-out risk, which half of the error is for."""


@dataclass(frozen=True)
class LossTest:
    """``is_worse``: whether the loss has risen. ``since``: the first day of the month from which on
    it is worse; None if it is not.

    ``excess``: the mean loss since then, or of all customers, minus the expected one. ``bound``:
    the highest lower bound of the excess. ``limit``: what it is compared with. ``recent_excess``:
    of the last customers.
    """

    is_worse: bool
    since: date | None
    excess: float
    bound: float
    limit: float
    recent_excess: float

    @property
    def is_lasting(self) -> bool:
        """Whether the loss has risen, and has not fallen again."""
        return self.is_worse and self.recent_excess > self.limit


def loss_test(
    matched: Matched,
    calibration: CalibrationMap,
    *,
    tolerance: float,
    error: float,
    recent: int = RECENT,
) -> LossTest:
    """Test whether the Brier loss is above that of held-out customers with the same scores.

    ``tolerance``: by how much it may be above. ``error``: the chance that it is ever found to be if
    nothing has changed. ``recent``: the last customers are those of so many days.
    """
    churn_rate = sigmoid(calibration.log_odds())
    bins, p = score_bins(matched.probability), matched.probability
    expected = churn_rate[bins] * (1.0 - p) ** 2 + (1.0 - churn_rate[bins]) * p**2
    limit = tolerance + _REFERENCE * _reference_error(bins, churn_rate, calibration)
    return _test((p - matched.churned) ** 2 - expected, matched, limit, error, recent)


def recalibrated_loss_test(
    matched: Matched,
    calibration: CalibrationMap,
    *,
    tolerance: float,
    error: float,
    recent: int = RECENT,
) -> LossTest:
    """The same after each month's churn rate was corrected: what recalibration cannot repair."""
    log_odds = calibration.log_odds()[score_bins(matched.probability)]
    probability = np.empty(len(matched))
    for _, rows in _months(matched):
        intercept = fit_intercept(log_odds[rows], matched.churned[rows])
        probability[rows] = sigmoid(log_odds[rows] + intercept)
    excess = (1.0 - 2.0 * probability) * (matched.churned - probability)
    bins = score_bins(matched.probability)
    limit = tolerance + _REFERENCE * _reference_error(
        bins, sigmoid(calibration.log_odds()), calibration
    )
    return _test(excess, matched, limit, error, recent)


def _reference_error(
    bins: npt.NDArray[np.intp], churn_rate: Floats, calibration: CalibrationMap
) -> float:
    """The standard error of the mean expected loss, from that of the calibration."""
    share = np.bincount(bins, minlength=BINS) / max(1, len(bins))
    slope = share * (1.0 - 2.0 * PROBABILITY) * churn_rate * (1.0 - churn_rate)
    gradient = slope @ DESIGN
    return math.sqrt(max(0.0, float(gradient @ calibration.covariance @ gradient)))


def _test(excess: Floats, matched: Matched, limit: float, error: float, recent: int) -> LossTest:
    """Compare the bounds of the excess (k,) in -1..1 with the limit, from each month on."""
    values = (np.clip(excess, -1.0, 1.0) + 1.0) / 2.0
    bound = -1.0
    for number, (_, rows) in enumerate(_months(matched)):
        share = 0.5 * error / ((number + 1) * (number + 2))
        bound = max(bound, float(2.0 * lower_bounds(values[rows.start :], share).max() - 1.0))
    is_worse = bound > limit
    since, rows = _change(excess - limit, matched) if is_worse else (None, slice(0, len(excess)))
    is_recent = matched.days > matched.days[-1] - np.timedelta64(recent, "D")
    last = float(excess[is_recent].mean())
    return LossTest(is_worse, since, float(excess[rows].mean()), bound, limit, last)


def _change(excess: Floats, matched: Matched) -> tuple[date, slice]:
    """The month from which on the sum of the excess is the highest: where it began (CUSUM)."""
    starts = list(_months(matched))
    total = [float(excess[rows.start :].sum()) for _, rows in starts]
    first, rows = starts[int(np.argmax(total))]
    return first, slice(rows.start, len(excess))


def _months(matched: Matched) -> Iterator[tuple[date, slice]]:
    """The first day of each month with customers, and their rows, which are ordered by day."""
    months = matched.days.astype("datetime64[M]")
    found, starts = np.unique(months, return_index=True)
    ends = [*starts[1:].tolist(), len(months)]
    for month, first, end in zip(found, starts.tolist(), ends, strict=True):
        yield date.fromisoformat(str(month.astype("datetime64[D]"))), slice(first, end)
