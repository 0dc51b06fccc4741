"""Whether one schema accepts every record that another one accepts."""

from __future__ import annotations

import math
from collections.abc import Iterator

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column


def incompatibilities(new: RecordSchema, old: RecordSchema) -> list[str]:
    """Why callers who send records of ``old`` would be refused, or missed, by ``new``.

    Empty where they need not know that anything changed. A feature that is no longer used is no
    reason: fields that a schema does not have are ignored.
    """
    before = {column.name: column for column in old}
    reasons = []
    for column in new:
        if column.name in before:
            reasons += [f"{column.name} {why}" for why in _narrowed(column, before[column.name])]
        elif column.required:
            reasons.append(f"{column.name} is new and required; make it optional")
    kept = {column.name for column in new}
    reasons += [
        f"{c.name} is no longer carried through" for c in old.identifiers if c.name not in kept
    ]
    return reasons


def _narrowed(new: Column, old: Column) -> Iterator[str]:
    if new.kind != old.kind:
        yield f"was of the kind {old.kind} and is {new.kind}"
        return
    if new.required and not old.required:
        yield "could be missing and is required"
    if _lowest(new) > _lowest(old):
        yield f"could be as low as {_lowest(old)[0]:g} and has a higher minimum"
    if _highest(new) < _highest(old):
        yield f"could be as high as {_highest(old)[0]:g} and has a lower maximum"
    if old.allows_unlisted and not new.allows_unlisted:
        yield "could be any category and takes only those it lists"
    if new.allows_unlisted:
        return
    gone = [choice for choice in old.levels if choice not in new.levels]
    if gone:
        yield f"no longer has the choices {gone}"


def _lowest(column: Column) -> tuple[float, bool]:
    """The lower bound, and whether it is itself excluded; in an order of strictness."""
    inclusive = (-math.inf if column.minimum is None else column.minimum, False)
    exclusive = column.exclusive_minimum
    return inclusive if exclusive is None else max(inclusive, (exclusive, True))


def _highest(column: Column) -> tuple[float, bool]:
    """The upper bound, and whether it is itself included."""
    inclusive = (math.inf if column.maximum is None else column.maximum, True)
    exclusive = column.exclusive_maximum
    return inclusive if exclusive is None else min(inclusive, (exclusive, False))
