"""The windows of a population without labels: drift, estimated performance and alarms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from churn_model.arrays import Floats
from churn_model.errors import MonitoringError
from churn_model.profile import CellCounts, MonitoringProfile
from churn_model.scoring.scorecard import Scorecard
from monitoring.alarms import Limits, check, false_alarms_per_year, seen_once
from monitoring.drift import Comparer, Reference, references
from monitoring.drift.compare import mean_log_odds
from monitoring.drift.feature_shares import missing_shares, unlisted_shares
from monitoring.drift.reference import reference_name
from monitoring.drift.significance import holm, mean_rose
from monitoring.estimation import Estimator, expected_losses, reference_estimates
from monitoring.results import Alarm, Estimate, TermDrift, WindowResult
from monitoring.windows import Window


@dataclass(frozen=True)
class Analysis:
    """The results of a population without labels; the fields are those of ``PopulationResult``.

    ``alarms``: those that are still the case. ``past_alarms``: those that are over. ``seen_once``:
    significant changes of the last window that would have to be repeated to be alarms, in words.
    """

    reference: str
    windows: tuple[WindowResult, ...]
    alarms: tuple[Alarm, ...]
    past_alarms: tuple[Alarm, ...]
    estimates: Mapping[str, Estimate]
    false_alarms_per_year: float
    seen_once: tuple[str, ...]


def analyse(
    windows: Sequence[Window],
    scorecard: Scorecard,
    profile: MonitoringProfile,
    limits: Limits,
    every: timedelta,
    reference: timedelta | None = None,
    now: datetime | None = None,
) -> Analysis:
    """Compare the windows of a population with the training rows, and find alarms.

    ``windows``: consecutive, earliest first, each as wide as ``every``. ``reference``: compare with
    the same population so much earlier instead. ``now``: for a log that is still written. Windows
    without customers are then added up to this time, and a window that is not over yet is not
    expected to have all its customers. Raises MonitoringError if the counts are not those of the
    scorecard, or if there is nothing to compare them with.
    """
    windows = list(windows)
    if now is not None:
        windows += _silent_windows(windows, every, now)
    for window in windows:
        _check_cells(window, scorecard)
    compared = references(windows, scorecard, profile, reference)
    results = tuple(_results(windows, compared, scorecard, profile))
    complete = [window for window in windows if now is None or window.end <= now]
    alarms = check(results, compared, limits, complete)
    return Analysis(
        reference=reference_name(reference),
        windows=results,
        alarms=tuple(alarm for alarm in alarms if alarm.until is None),
        past_alarms=tuple(alarm for alarm in alarms if alarm.until is not None),
        estimates=reference_estimates(profile, scorecard),
        false_alarms_per_year=false_alarms_per_year(limits, every),
        seen_once=seen_once(results, limits),
    )


def _results(
    windows: Sequence[Window],
    compared: Sequence[Reference | None],
    scorecard: Scorecard,
    profile: MonitoringProfile,
) -> Iterator[WindowResult]:
    """The results of each window; successive windows often have the same reference."""
    estimator, losses = Estimator.of(profile, scorecard), expected_losses(profile)
    last: Reference | None = None
    comparer: Comparer | None = None
    for window, reference in zip(windows, compared, strict=True):
        result = _without_comparison(window, scorecard, estimator)
        if reference is not None and window.counts.scored and reference.scores.any():
            if comparer is None or reference is not last:
                last, comparer = reference, Comparer.of(reference, scorecard)
            result = _compared(result, reference, comparer, losses)
        yield result


def _without_comparison(window: Window, scorecard: Scorecard, estimator: Estimator) -> WindowResult:
    return WindowResult(
        window=window,
        mean_log_odds=mean_log_odds(window.counts, scorecard),
        shift=float("nan"),
        missing=missing_shares(window.counts, scorecard),
        unlisted=unlisted_shares(window.counts, scorecard),
        estimates=estimator.estimate(window.counts),
    )


def _compared(
    result: WindowResult, reference: Reference, comparer: Comparer, losses: Floats
) -> WindowResult:
    counts = result.window.counts
    comparison = comparer.compare(counts)
    loss_p_value = mean_rose(losses, reference.scores, reference.scored, counts.scores)
    before = float(losses @ reference.scores / reference.scores.sum())
    drifts = [*comparison.terms, comparison.score]
    corrected = holm([*(drift.p_value for drift in drifts), loss_p_value])
    *terms, score = _with_p_values(drifts, corrected[:-1])
    return replace(
        result,
        shift=comparison.shift,
        terms=tuple(terms),
        score=score,
        loss_rise=result.estimates["log_loss"].value - before,
        loss_p_value=corrected[-1],
    )


def _with_p_values(drifts: Sequence[TermDrift], p_values: Sequence[float]) -> list[TermDrift]:
    return [
        replace(drift, p_value=p_value) for drift, p_value in zip(drifts, p_values, strict=True)
    ]


def _silent_windows(windows: Sequence[Window], every: timedelta, now: datetime) -> list[Window]:
    """Windows without customers, from the last one that has some to ``now``."""
    silent: list[Window] = []
    start = windows[-1].end if windows else now
    while start + every <= now:
        silent.append(Window(start, start + every, CellCounts()))
        start += every
    return silent


def _check_cells(window: Window, scorecard: Scorecard) -> None:
    if any(term.sum() == 0 for term in window.counts.terms) and window.counts.scored:
        raise MonitoringError(
            f"the counts of {window.start:%Y-%m-%d} are incomplete: customers were scored, but a "
            "term has no counts; restore the missing files of the log, or remove that day"
        )
    cells = [len(term) for term in window.counts.terms]
    expected = [len(term.scores) for term in scorecard.terms]
    if cells and cells != expected:
        raise MonitoringError(
            f"the counts of {window.start:%Y-%m-%d} do not fit the scorecard: they have "
            f"{len(cells)} terms with {sum(cells)} cells, the scorecard has {len(expected)} with "
            f"{sum(expected)}; they belong to another model version"
        )
