"""Realised performance of a population, next to what was expected of the same customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from churn_model.profile import CellCounts, MonitoringProfile
from churn_model.profile.score_bins import count_scores
from churn_model.scoring.scorecard import Scorecard
from monitoring.alarms.limits import LabelLimits
from monitoring.estimation import estimate
from monitoring.estimation.calibration_map import fit_calibration
from monitoring.labels.matched import Matched
from monitoring.realised.loss_test import LossTest, loss_test, recalibrated_loss_test
from monitoring.realised.metrics import realised_metrics
from monitoring.results import Cohort, Estimate


@dataclass(frozen=True)
class Realised:
    """What labels say about a population.

    ``cohorts``: earliest first. ``recent``: the customers of the last days, as one cohort.
    ``loss``: whether the loss has risen; ``recalibrated_loss``: whether it would have risen with
    the right churn rate too. ``treated``: customers who were left out. ``coverage``: the share
    (0..1) of the labelled customers whom the metrics represent.
    """

    cohorts: tuple[Cohort, ...]
    recent: Cohort
    loss: LossTest
    recalibrated_loss: LossTest
    treated: int = 0
    coverage: float = 1.0


def realised(
    matched: Matched, scorecard: Scorecard, profile: MonitoringProfile, limits: LabelLimits
) -> Realised:
    """Measure labelled customers of a version; there must be some."""
    calibration = fit_calibration(profile)
    last = matched.days[-1]
    is_recent = matched.days > last - np.timedelta64(limits.recent, "D")
    recent = matched.take(is_recent)
    tested: Any = {"tolerance": limits.brier, "error": limits.error, "recent": limits.recent}
    start, end = _time(recent.days[0]), _time(last) + timedelta(days=1)
    return Realised(
        tuple(
            _cohort(start, end, customers, scorecard, profile)
            for start, end, customers in matched.by_cohort()
        ),
        _cohort(start, end, recent, scorecard, profile),
        loss_test(matched, calibration, **tested),
        recalibrated_loss_test(matched, calibration, **tested),
        matched.treated,
        matched.coverage,
    )


def _cohort(
    start: datetime,
    end: datetime,
    matched: Matched,
    scorecard: Scorecard,
    profile: MonitoringProfile,
) -> Cohort:
    metrics = realised_metrics(
        matched.churned, matched.probability, matched.weights, matched.customer
    )
    estimates = expected_of(matched, scorecard, profile)
    return Cohort(
        start,
        end,
        len(matched),
        int(matched.churned.sum()),
        metrics,
        {name: estimates[name] for name in metrics if name in estimates},
    )


def expected_of(
    matched: Matched, scorecard: Scorecard, profile: MonitoringProfile
) -> dict[str, Estimate]:
    """The metrics to expect of labelled customers, by their scores."""
    effective = matched.weights.sum() / (matched.weights**2).sum()
    scores = count_scores(matched.probability, matched.weights * effective)
    return estimate(CellCounts(scores=scores), profile, scorecard)


def _time(day: np.datetime64) -> datetime:
    return datetime.fromisoformat(f"{day.astype('datetime64[D]')}T00:00:00+00:00")
