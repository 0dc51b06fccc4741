"""Checks whether one schema accepts every record that another schema accepts."""

from __future__ import annotations

import math
from collections.abc import Iterator

from churn_model.schema import RecordSchema
from churn_model.schema.column import INT64_MAX, INT64_MIN, Column, write_bound


def incompatibilities(new: RecordSchema, old: RecordSchema) -> list[str]:
    """Why ``new`` would reject records of ``old``, or no longer return one of their identifiers.

    Empty if callers need not change anything. A feature that was removed is compatible, because
    fields outside the schema are ignored.
    """
    old_columns = {column.name: column for column in old}
    new_names = {column.name for column in new}
    reasons = []
    for column in new:
        if column.name in old_columns:
            changes = _restrictions(column, old_columns[column.name])
            reasons += [f"{column.name}: {change}" for change in changes]
        elif column.required:
            reasons.append(f"{column.name} is new and required (make it optional)")
    reasons += [
        f"{column.name} is no longer returned"
        for column in old.identifiers
        if column.name not in new_names
    ]
    return reasons


def _restrictions(new: Column, old: Column) -> Iterator[str]:
    """The changes that make the new column reject values which the old one accepts."""
    if new.kind != old.kind:
        yield f"the type changed from {old.kind} to {new.kind}"
        return
    if new.required and not old.required:
        yield "it was optional and is now required"
    if _minimum(new) > _minimum(old):
        yield _minimum_change(_minimum(new), _minimum(old))
    if _maximum(new) < _maximum(old):
        yield _maximum_change(_maximum(new), _maximum(old))
    if old.allows_unlisted and not new.allows_unlisted:
        yield "unlisted category levels are now rejected"
    removed = [level for level in old.levels if level not in new.levels]
    if removed and not new.allows_unlisted:
        yield f"the category levels {removed} were removed"


def _minimum(column: Column) -> tuple[float, bool]:
    """The lower bound and whether it is exclusive; a greater tuple is stricter."""
    low = column.minimum
    inclusive = (-math.inf if low is None or low == INT64_MIN else low, False)
    exclusive = column.exclusive_minimum
    return inclusive if exclusive is None else max(inclusive, (exclusive, True))


def _maximum(column: Column) -> tuple[float, bool]:
    """The upper bound and whether it is inclusive; a smaller tuple is stricter."""
    high = column.maximum
    inclusive = (math.inf if high is None or high == INT64_MAX else high, True)
    exclusive = column.exclusive_maximum
    return inclusive if exclusive is None else min(inclusive, (exclusive, False))


def _minimum_change(new: tuple[float, bool], old: tuple[float, bool]) -> str:
    written = _write_limit(new[0], "more than", new[1])
    if old[0] == -math.inf:
        return f"a minimum was added: {written}"
    return f"the minimum rose from {_write_limit(old[0], 'more than', old[1])} to {written}"


def _maximum_change(new: tuple[float, bool], old: tuple[float, bool]) -> str:
    written = _write_limit(new[0], "less than", not new[1])
    if old[0] == math.inf:
        return f"a maximum was added: {written}"
    return f"the maximum fell from {_write_limit(old[0], 'less than', not old[1])} to {written}"


def _write_limit(bound: float, exclusive_words: str, is_exclusive: bool) -> str:
    return f"{exclusive_words} {write_bound(bound)}" if is_exclusive else write_bound(bound)
