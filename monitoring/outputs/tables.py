"""The tables ``profile_metrics`` and ``drift_metrics``; ``columns.py`` describes their columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from monitoring.findings import Findings
from monitoring.outputs.columns import (
    DRIFT_COLUMNS,
    ENDS,
    ESTIMATED,
    PROFILE_COLUMNS,
    REALISED,
    TABLE,
    schema,
)
from monitoring.outputs.series import mean_score, predicted_share, rejected_share
from monitoring.outputs.words import length_name
from monitoring.results import Cohort, Estimate, PopulationResult, TermDrift, WindowResult

Row = dict[str, Any]


def profile_metrics(findings: Findings) -> pa.Table:
    """One row per window and population, and one per feature with missing or unlisted values."""
    rows = (row for result in findings.results for row in _profile_rows(result))
    return _table(rows, PROFILE_COLUMNS)


def drift_metrics(findings: Findings) -> pa.Table:
    """One row per window, population and term, and one for the score."""
    rows = (row for result in findings.results for row in _drift_rows(result))
    return _table(rows, DRIFT_COLUMNS)


def _table(rows: Iterator[Row], columns: Any) -> pa.Table:
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    return pa.Table.from_pylist(plain, schema=schema(columns))


def _plain(value: Any) -> Any:
    """NaN means that a value is unknown, which a table writes as null."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _keys(result: PopulationResult, start: datetime, end: datetime) -> Row:
    return {
        "window_start": start,
        "window_end": end,
        "granularity": length_name(end - start),
        **result.population._asdict(),
    }


def _profile_rows(result: PopulationResult) -> Iterator[Row]:
    cohorts = {(each.start, each.end): each for each in result.cohorts}
    for window in result.windows:
        start, end = window.window.start, window.window.end
        cohort = cohorts.pop((start, end), None)
        keys = _keys(result, start, end)
        yield keys | _whole(window) | _labelled(cohort)
        yield from (keys | row for row in _features(window))
    for (start, end), cohort in cohorts.items():  # customers who were scored in other windows
        yield _keys(result, start, end) | {"column_name": TABLE} | _labelled(cohort)


def _whole(window: WindowResult) -> Row:
    counts = window.window.counts
    return {
        "column_name": TABLE,
        "count": round(counts.scored),
        "rejected": round(counts.rejected),
        "percent_rejected": 100 * rejected_share(window),
        "mean_probability": mean_score(window),
        "mean_log_odds": window.mean_log_odds if counts.scored else None,
        "percent_predicted": 100 * predicted_share(window),
        **_metrics("estimated", ESTIMATED, window.estimates),
    }


def _features(window: WindowResult) -> Iterator[Row]:
    for feature in {**window.missing, **window.unlisted}:
        yield {
            "column_name": feature,
            "count": round(window.window.counts.scored),
            "percent_null": _percent(window.missing, feature),
            "percent_unlisted": _percent(window.unlisted, feature),
        }


def _percent(shares: Mapping[str, float], feature: str) -> float | None:
    return 100 * shares[feature] if feature in shares else None


def _labelled(cohort: Cohort | None) -> Row:
    if cohort is None:
        return {}
    return {
        "labelled": cohort.customers,
        "churned": cohort.churners,
        **_metrics("realised", REALISED, cohort.realised),
        **_metrics("expected", REALISED, cohort.estimated),
    }


def _metrics(prefix: str, names: Sequence[str], values: Mapping[str, Estimate]) -> Row:
    return {
        f"{prefix}_{name}{end}": value
        for name in names
        if name in values
        for end, value in zip(ENDS, values[name], strict=True)
    }


def _drift_rows(result: PopulationResult) -> Iterator[Row]:
    for window in result.windows:
        keys = _keys(result, window.window.start, window.window.end)
        keys |= {"drift_type": "BASELINE", "reference": result.reference}
        for term in window.terms:
            yield keys | _term(term.term, term, _is_alarm(result, term.term, window))
        if window.score is not None:
            row = _term(TABLE, window.score, _is_alarm(result, "", window))
            yield keys | row | {"features": [], "shift": window.shift}


def _term(name: str, term: TermDrift, is_alarm: bool) -> Row:
    return {
        "column_name": name,
        "features": list(term.features),
        "shift": term.shift,
        "movement": term.movement,
        "chi_squared_p_value": term.p_value,
        "population_stability_index": term.psi,
        "js_distance": term.js,
        "ks_statistic": term.ks,
        "is_alarm": is_alarm,
    }


def _is_alarm(result: PopulationResult, subject: str, window: WindowResult) -> bool:
    """Whether the window is part of an alarm about drift of a term, or of the score."""
    return any(
        alarm.subject == subject
        and alarm.kind in ("drift", "estimated_loss", "constant_score")
        and alarm.since <= window.window.start
        and (alarm.until is None or window.window.start < alarm.until)
        for alarm in (*result.alarms, *result.past_alarms)
    )
