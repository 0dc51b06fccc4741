"""What monitoring finds, as data; the outputs write it and the alarms read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple, TypeAlias

from monitoring.windows import Population, Window

Verdict: TypeAlias = Literal["fine", "watch", "recalibrate", "retrain"]


NORMAL: Final = 1.959964
"""Standard errors from a value to the ends of its 95 % interval."""


class Estimate(NamedTuple):
    """A value with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class BinChange:
    """A merged bin of a term: its label, and its share (0..1) of the reference and the window."""

    label: str
    reference: float
    window: float


@dataclass(frozen=True)
class TermDrift:
    """How a term's distribution changed against the reference.

    ``shift``: the change in mean log-odds, the sum of (q - p) x score over the term's cells; those
    of all terms add up to the change of the mean log-odds. ``movement``: the sum of absolute
    changes, which do not cancel. ``psi``, ``js``, ``ks``: on at most ten merged bins, reported by
    convention. ``p_value``: of the chi-squared test, corrected for the number of terms (Holm).
    """

    term: str
    features: tuple[str, ...]
    shift: float
    movement: float
    psi: float
    js: float
    ks: float
    p_value: float
    bins: tuple[BinChange, ...] = ()


@dataclass(frozen=True)
class WindowResult:
    """What is known about a window without labels.

    ``mean_log_odds``, ``shift``: the mean, and its change against the reference; ``terms``: the
    parts of the change, empty if only the scores are known. ``missing``, ``unlisted``: by feature,
    the share of rows (0..1). ``estimates``: auc, log_loss, brier, churn_rate, calibration and, with
    a campaign, profit (per contacted customer), expected if the relation between features and churn
    is unchanged. ``score``: the change of the score histogram. ``loss_rise``: the estimated log
    loss minus that of the reference, and ``loss_p_value`` of that, corrected together with those of
    ``terms`` and ``score``. A window without customers, or without a reference, has no comparison:
    its shift is NaN and ``score`` is None.
    """

    window: Window
    mean_log_odds: float
    shift: float
    terms: tuple[TermDrift, ...] = ()
    missing: Mapping[str, float] = field(default_factory=dict)
    unlisted: Mapping[str, float] = field(default_factory=dict)
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    score: TermDrift | None = None
    loss_rise: float = 0.0
    loss_p_value: float = 1.0


@dataclass(frozen=True)
class Alarm:
    """A finding that someone should look at.

    ``kind``: ``drift``, ``estimated_loss``, ``rejected``, ``missing``, ``unlisted``, ``volume``,
    ``constant_score`` or ``realised_loss``. ``subject``: the feature, term or rule; empty for the
    window as a whole. ``since``: the start of the first window that shows it. ``message``: one
    sentence. ``until``: the start of the first window that no longer shows it; None if it is still
    the case.
    """

    kind: str
    subject: str
    since: datetime
    message: str
    until: datetime | None = None


@dataclass(frozen=True)
class Cohort:
    """Customers with final labels, observed from ``start`` up to ``end``.

    ``realised`` and ``estimated``: auc, log_loss, brier, churn_rate and calibration (observed over
    expected churners), of the same customers; ``estimated`` is what was expected at the time.
    """

    start: datetime
    end: datetime
    customers: int
    churners: int
    realised: Mapping[str, Estimate]
    estimated: Mapping[str, Estimate]


@dataclass(frozen=True)
class PopulationResult:
    """The results of one population.

    ``reference``: what the windows are compared with, in words. ``estimates``: those of the
    reference. ``false_alarms_per_year``: expected at most without any change, by the limits.
    ``past_alarms``: those that are over.
    """

    population: Population
    reference: str
    windows: tuple[WindowResult, ...]
    alarms: tuple[Alarm, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    cohorts: tuple[Cohort, ...] = ()
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    false_alarms_per_year: float = 0.0
    past_alarms: tuple[Alarm, ...] = ()
