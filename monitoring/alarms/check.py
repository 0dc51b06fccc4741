"""Which changes are alarms."""

from __future__ import annotations

from collections.abc import Sequence

from monitoring.alarms.changes import episodes, moment
from monitoring.alarms.drift_changes import drift_changes
from monitoring.alarms.feed_changes import feed_changes
from monitoring.alarms.limits import Limits
from monitoring.alarms.volume import volume_alarms
from monitoring.drift.reference import Reference
from monitoring.results import Alarm, WindowResult
from monitoring.windows import Window


def check(
    results: Sequence[WindowResult],
    references: Sequence[Reference | None],
    limits: Limits,
    complete: Sequence[Window] | None = None,
) -> tuple[Alarm, ...]:
    """All alarms of a population, the current ones (without ``until``) and those that are over.

    ``results``: of consecutive windows, earliest first, with the ``references`` of each.
    ``complete``: the windows that are over, whose volume can be checked; by default all.
    """
    windows = [result.window for result in results]
    drifts = [drift_changes(result, limits.drift) for result in results]
    feeds = [
        feed_changes(result, reference, limits.broken_feed)
        for result, reference in zip(results, references, strict=True)
    ]
    return (
        *episodes(windows, feeds, 1),
        *volume_alarms(windows if complete is None else complete, limits.volume),
        *episodes(windows, drifts, limits.drift.windows),
    )


def seen_once(results: Sequence[WindowResult], limits: Limits) -> tuple[str, ...]:
    """The significant changes of the last window that must be repeated to be alarms."""
    last = next((result for result in reversed(results) if result.score is not None), None)
    changes = None if last is None else drift_changes(last, limits.drift)
    if last is None or changes is None or limits.drift.windows == 1:
        return ()
    when = moment(last.window.start, [last.window])
    return tuple(
        f"{change.text} in the window of {when}; it is an alarm if the next window shows it too"
        for change in changes.values()
        if change.is_significant
    )
