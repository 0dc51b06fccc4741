"""Windows, populations and numbers in words."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from monitoring.results import Estimate, PopulationResult

DAY = timedelta(days=1)
MISSING = "\N{EN DASH}"

METRIC_NAMES = {
    "auc": "AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "churn_rate": "churn rate",
    "calibration": "observed/expected",
    "profit": "profit per contact",
}


def population_name(result: PopulationResult) -> str:
    """``version 3, serve``."""
    return f"version {result.population.model_version}, {result.population.source}"


def other_reasons(result: PopulationResult) -> list[str]:
    """The reasons of the verdict that are not alarms, which are shown as such."""
    alarms = {alarm.message for alarm in result.alarms}
    return [reason for reason in result.reasons if reason.rstrip(".") not in alarms]


def window_name(start: datetime, end: datetime) -> str:
    """``2026-05-04``, ``2026-05-04 to 2026-05-10``, or with times for parts of days."""
    length = end - start
    if length < DAY:
        return f"{start:%Y-%m-%d %H:%M}"
    if length == DAY and not (start.hour or start.minute):
        return f"{start:%Y-%m-%d}"
    if not (_is_midnight(start) and _is_midnight(end)):
        return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d} to {end - DAY:%Y-%m-%d}"


def _is_midnight(moment: datetime) -> bool:
    return moment.time() == time()


def length_name(length: timedelta) -> str:
    """``1 day``, ``30 days``, ``6 hours``."""
    hours = round(length / timedelta(hours=1))
    number, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{number} {unit}{'' if number == 1 else 's'}"


def metric_value(name: str, value: float) -> str:
    """A metric with the digits that matter."""
    if value != value:
        return MISSING
    if name == "churn_rate":
        return f"{value:.1%}"
    return f"{value:.2f}" if name in ("calibration", "profit") else f"{value:.3f}"


def interval_words(name: str, estimate: Estimate) -> str:
    """``0.812 (0.790\u20130.833)``."""
    ends = "\N{EN DASH}".join(metric_value(name, each) for each in (estimate.low, estimate.high))
    return f"{metric_value(name, estimate.value)} ({ends})"
