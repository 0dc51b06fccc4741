"""Checks of flags that several commands have."""

from __future__ import annotations

from datetime import date, timedelta


def observation_problem(as_of: date | str | None, window: int, known_until: date | None) -> str:
    """How ``--as-of``, ``--window`` and ``--known-until`` contradict each other; empty if not."""
    if known_until is not None and known_until > date.today() + timedelta(days=1):
        return (
            f"--known-until {known_until}: is in the future; it is the day up to which churn is "
            "recorded"
        )
    if known_until is not None and not window:
        return (
            "--known-until says which labels are known already; name the days that a label "
            "covers, too: --window 60D"
        )
    if window and isinstance(as_of, date) and known_until is None:
        return (
            f"all rows were observed on {as_of}; name the day up to which churn is recorded: "
            "--known-until DAY"
        )
    return ""
