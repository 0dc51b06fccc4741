"""Why labels match nobody, in one line."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from churn_model.inference_log.identifiers import PLAIN, hashed_forms
from monitoring.labels.join import Join
from monitoring.labels.table import Labels


def explain_no_match(
    labels: Labels, joined: Join, key: bytes | None, logged: tuple[date, date] | None
) -> str:
    """What to tell the user if no label has a prediction.

    ``logged``: the first and the last day with logged rows; None without rows.
    """
    if logged is None:
        return (
            "the log has no rows of this model, only counts; labels need an inference log at "
            "level scores or values"
        )
    first, last = _day(labels.days.min()), _day(labels.days.max())
    window = labels.observation.window
    begin = f"{len(labels):,} final labels match no prediction"
    if last < logged[0]:
        reason = f"{begin}: customers were observed up to {last}, and the log begins on {logged[0]}"
        if not window:
            return reason
        return (
            f"{reason}; with a window of {window} days, the first labels are final on "
            f"{logged[0] + timedelta(days=window)} (--known-until)"
        )
    if window and first > logged[1] + timedelta(days=window):
        return (
            f"{begin}: the log ends on {logged[1]}, and customers were observed from {first} on; "
            "name a newer --log"
        )
    return f"{begin}: {_identifiers(joined, key)}"


def _identifiers(joined: Join, key: bytes | None) -> str:
    rows = sum(joined.forms.values())
    readable = sum(joined.forms[form] for form in (PLAIN, *hashed_forms(key)))
    if rows and not readable and key is None:
        return (
            f"the identifiers of all {rows:,} rows are hashed; name the key of the log: --log-key "
            "FILE"
        )
    if rows and not readable:
        return (
            f"the identifiers of all {rows:,} rows are hashed with another key; name the one that "
            "the log was written with: --log-key FILE"
        )
    if joined.known_customers:
        return (
            f"{joined.known_customers:,} of the rows are of these customers, but none was before "
            "the end of the observation date and within the window before it; check --as-of"
        )
    if not rows:
        return "the log has no rows in the time of the labels; check --as-of"
    kind = "plain" if joined.forms[PLAIN] else "hashed"
    return (
        f"none of the {readable:,} rows with {kind} identifiers is of these customers; check that "
        "--id names the identifier that is scored, in the same notation (such as leading zeros)"
    )


def _day(value: np.datetime64) -> date:
    return date.fromisoformat(str(value.astype("datetime64[D]")))
