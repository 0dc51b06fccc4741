"""Signs of a broken feed: rejected rows, missing values, unlisted levels, a constant score.

Each needs only one window, so they have an error level of their own, divided among them by Holm's
correction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from churn_model.profile import CellCounts
from churn_model.profile.score_bins import PROBABILITY
from monitoring.alarms.changes import Change, Changes, Key, percent
from monitoring.alarms.limits import FeedLimits
from monitoring.drift.reference import Reference
from monitoring.drift.significance import holm, share_rose
from monitoring.results import WindowResult


class _Test(NamedTuple):
    key: Key
    p_value: float
    is_material: bool
    text: str


def feed_changes(
    result: WindowResult, reference: Reference | None, limits: FeedLimits
) -> Changes | None:
    """None if the window has no rows or no reference."""
    counts = result.window.counts
    if reference is None or not counts.scored + counts.rejected:
        return None
    tests = list(_tests(result, reference, limits))
    corrected = holm([test.p_value for test in tests])
    return {
        test.key: Change(p_value <= limits.significance, test.text)
        for test, p_value in zip(tests, corrected, strict=True)
        if test.is_material
    }


def _tests(result: WindowResult, reference: Reference, limits: FeedLimits) -> Iterator[_Test]:
    counts = result.window.counts
    yield _rejected(counts, reference, limits.rejected)
    for kind, shares, before, limit in (
        ("missing", result.missing, reference.missing, limits.missing),
        ("unlisted", result.unlisted, reference.unlisted, limits.unlisted),
    ):
        for feature, share in shares.items():
            old = before.get(feature, 0.0)
            p_value = share_rose(old, reference.customers, share, counts.scored)
            subject = f"missing {feature}" if kind == "missing" else f"unlisted levels of {feature}"
            text = f"{subject} rose from {percent(old)} to {percent(share)}"
            yield _Test(Key(kind, feature), p_value, share - old >= limit, text)
    if counts.scored:
        yield _constant_score(counts, reference)


def _rejected(counts: CellCounts, reference: Reference, limit: float) -> _Test:
    old, share = reference.rejected, counts.rejected_share
    p_value = share_rose(old, reference.rows, share, counts.scored + counts.rejected)
    text = f"rejected rows rose from {percent(old)} to {percent(share)}"
    if counts.rules:
        rule = max(counts.rules, key=lambda name: counts.rules[name])
        text += f", most often by {rule}"
    return _Test(Key("rejected", ""), p_value, share - old >= limit, text)


def _constant_score(counts: CellCounts, reference: Reference) -> _Test:
    """The p-value is the chance that as many customers of the reference share one score bin."""
    usual = reference.scores / reference.scores.sum()
    highest = int(counts.scores.argmax())
    text = f"all {counts.scored:,.0f} customers have about the score {PROBABILITY[highest]:.3f}"
    is_constant = counts.scores[highest] == counts.scored
    p_value = float((usual**counts.scored).sum()) if is_constant else 1.0
    return _Test(Key("constant_score", ""), min(1.0, p_value), is_constant, text)
