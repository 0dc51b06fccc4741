"""When a change should be looked at: significant, material and repeated, or a broken feed."""

from monitoring.alarms.check import check, seen_once
from monitoring.alarms.limits import Limits, false_alarms_per_year, load_limits

__all__ = ["Limits", "check", "false_alarms_per_year", "load_limits", "seen_once"]
