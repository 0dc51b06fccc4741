"""What to do: nothing, look, recalibrate or retrain, with the reasons.

Drift alone never says retrain or recalibrate: only labels do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta, timezone
from statistics import NormalDist

from monitoring.alarms.limits import LabelLimits
from monitoring.plural import plural
from monitoring.realised.cohorts import Realised
from monitoring.results import NORMAL, Alarm, Cohort, Estimate, Verdict


def verdict(
    alarms: Sequence[Alarm],
    realised: Realised | None,
    limits: LabelLimits,
    seen_once: Sequence[str] = (),
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict and its reasons, one sentence each.

    ``alarms``: those that are still the case. ``realised``: None without labels. ``seen_once``:
    changes that are no alarms yet.
    """
    drift = [alarm for alarm in alarms if alarm.kind != "realised_loss"]
    seen = tuple(f"{text}." for text in [alarm.message for alarm in drift] or seen_once)
    worse: tuple[str, ...] = ()
    miscalibrated: tuple[str, ...] = ()
    if realised is not None:
        worse = _worse(realised, limits)
        miscalibrated = _miscalibrated(realised.recent, limits)
    if worse:
        return "retrain", (*worse, *miscalibrated, *_treated(realised))
    if miscalibrated:
        return "recalibrate", (*miscalibrated, _discrimination(realised), *_treated(realised))
    if seen:
        return "watch", (*seen, _unconfirmed(realised), *_treated(realised))
    return "fine", (_no_change(realised), *_treated(realised))


def realised_alarms(realised: Realised) -> tuple[Alarm, ...]:
    """An alarm if the realised loss has risen."""
    test = realised.loss
    if not test.is_lasting or test.since is None:
        return ()
    since = datetime.combine(test.since, time(), timezone.utc)
    message = (
        f"the realised Brier loss is {test.excess:.3f} above the expected one since "
        f"{test.since}, and by at least {test.bound:.3f} even if chance is allowed for"
    )
    return (Alarm("realised_loss", "", since, message),)


def _worse(realised: Realised, limits: LabelLimits) -> tuple[str, ...]:
    """Reasons to retrain: what recalibration cannot repair."""
    reasons = []
    test, recent = realised.recalibrated_loss, realised.recent
    is_explained = bool(_miscalibrated(recent, limits))
    if test.is_lasting:
        reasons.append(
            f"The loss has been higher than expected since {test.since} even if the churn rate is "
            f"corrected: by {test.excess:.3f} (Brier loss), at least {test.bound:.3f}."
        )
    elif realised.loss.is_lasting and not is_explained:
        reasons.append(
            f"The loss has been higher than expected since {realised.loss.since}, by "
            f"{realised.loss.excess:.3f} (Brier loss), and calibration does not explain it."
        )
    if "auc" in recent.realised and "auc" in recent.estimated:
        found, expected = recent.realised["auc"], recent.estimated["auc"]
        lowest = _lower_end(expected, limits.significance)
        if found.value < lowest and found.value < expected.value - limits.auc:
            reasons.append(
                f"The AUC of the recent customers is {_shown(found)}, below the expected "
                f"{expected.value:.3f}."
            )
    return tuple(reasons)


def _miscalibrated(recent: Cohort, limits: LabelLimits) -> tuple[str, ...]:
    """Whether churners are significantly and materially more or fewer than predicted."""
    ratio = recent.realised["calibration"]
    quantile = NormalDist().inv_cdf(1 - limits.significance / 2) / NORMAL
    low = ratio.value * (ratio.low / ratio.value) ** quantile if ratio.value else 0.0
    high = ratio.value * (ratio.high / ratio.value) ** quantile if ratio.value else ratio.high
    most = 1.0 + limits.calibration
    if (low > 1.0 and ratio.value > most) or (high < 1.0 and ratio.value < 1.0 / most):
        return (f"{_shown(ratio)} times as many of the recent customers churned as predicted.",)
    return ()


def _lower_end(expected: Estimate, significance: float) -> float:
    """The value that labels would fall below with this chance if nothing has changed."""
    quantile = NormalDist().inv_cdf(1 - significance)
    return expected.value - (expected.value - expected.low) * quantile / NORMAL


def _discrimination(realised: Realised | None) -> str:
    recent = None if realised is None else realised.recent
    if recent is None or "auc" not in recent.realised:
        return "The order of the customers cannot be checked yet."
    return (
        f"The order of the customers is as good as expected: AUC {_shown(recent.realised['auc'])}."
    )


def _unconfirmed(realised: Realised | None) -> str:
    if realised is None:
        return "There are no labels that show whether predictions are worse."
    return f"Labels up to {_last_day(realised)} do not show that predictions are worse."


def _no_change(realised: Realised | None) -> str:
    if realised is None:
        return "No alarm; there are no labels that show the realised performance."
    return f"No alarm, and labels up to {_last_day(realised)} show the expected performance."


def _treated(realised: Realised | None) -> tuple[str, ...]:
    """Whom the realised performance represents, if customers were treated."""
    if realised is None or not realised.treated:
        return ()
    return (
        f"{plural(realised.treated, 'treated customer')} left out; the others represent "
        f"{realised.coverage:.0%} of the labelled customers.",
    )


def _last_day(realised: Realised) -> str:
    return f"{realised.recent.end - timedelta(days=1):%Y-%m-%d}"


def _shown(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} (95 % interval {estimate.low:.3f} to {estimate.high:.3f})"
