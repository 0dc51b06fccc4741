"""The limits of the alarms and of the verdict, as readers of the page see them."""

from __future__ import annotations

from monitoring.alarms import Limits


def limits_in_words(limits: Limits) -> tuple[tuple[str, str], ...]:
    """Name and value of each limit."""
    drift, feed, volume, labels = limits.drift, limits.broken_feed, limits.volume, limits.labels
    return (
        ("drift is significant below an error level per window of", f"{drift.significance:g}"),
        ("drift is material from a change in mean log-odds of", f"{drift.log_odds:g}"),
        ("or a movement of", f"{drift.movement:g}"),
        ("or a rise in estimated log loss of", f"{drift.log_loss:g}"),
        ("consecutive windows that must show it", str(drift.windows)),
        ("a broken feed is significant below an error level of", f"{feed.significance:g}"),
        ("and material from a rise in the share of rejected rows of", f"{feed.rejected:.1%}"),
        ("or of missing values of", f"{feed.missing:.1%}"),
        ("or of unlisted levels of", f"{feed.unlisted:.1%}"),
        ("missing volume: fewer customers than this share of the median", f"{volume.low:.0%}"),
        (
            "realised loss: error level of the test, however often it is repeated",
            f"{labels.error:g}",
        ),
        ("and rise in Brier loss from", f"{labels.brier:g}"),
        ("realised AUC: material from a difference of", f"{labels.auc:g}"),
        ("realised calibration: material from a difference of", f"{labels.calibration:.0%}"),
        (
            "customers that the verdict judges: those with labels of the last",
            f"{labels.recent} days",
        ),
    )
