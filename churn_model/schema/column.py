"""A column: one field of a record, with its kind and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from churn_model.errors import SchemaError

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
LAST_EXACT_INTEGER = 2**53
"""A float represents every integer from minus this number up to it."""

OUTPUT_COLUMNS = ("churn_prediction", "churn_probability", "reasons", "error")
"""Columns of a scored table; no field of a record may have one of these names."""

Kind = Literal["integer", "number", "boolean", "date", "category", "identifier"]

HINTS: dict[str, tuple[str, ...]] = {
    "role": ("monthly_revenue",),
    "monotone": ("increasing", "decreasing"),
}
"""Optional hints for training, and their values.

``role: monthly_revenue`` marks what a customer pays per month. ``monotone`` makes the risk only
rise, or only fall, with the field.
"""

_DESCRIPTIONS: dict[Kind, str] = {
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "date": "date such as 2026-01-31",
    "category": "one of",
    "identifier": "string, returned unchanged",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a record.

    Bounds are inclusive (``minimum``, ``maximum``) or exclusive; None means unbounded. Integers
    always have both inclusive bounds, at most the range of 64 bits. A category with
    ``allows_unlisted`` also accepts strings outside its ``levels``; a scorecard has one entry for
    all of them. A date is scored by its age: the days from that date to the day of scoring.
    ``actionable``: the company can change the value, such as a price or a contract.
    """

    name: str
    kind: Kind
    required: bool = True
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    levels: tuple[str, ...] = ()
    allows_unlisted: bool = False
    description: str = ""
    unit: str = ""
    role: str = ""
    monotone: str = ""
    actionable: bool = False

    @property
    def label(self) -> str:
        """The name for readers: ``monthly charges (currency units per month)``."""
        words = self.name.replace("_", " ")
        return f"{words} ({self.unit})" if self.unit else words


def describe_column(column: Column, most_levels: int | None = None) -> str:
    """The values that a column accepts, for readers: ``integer, 0 to 120``."""
    words = _DESCRIPTIONS[column.kind]
    if column.kind == "category":
        words = f"{words}: {_listed(column.levels, most_levels)}"
        words += " (or another)" if column.allows_unlisted else ""
    words += _describe_range(column)
    return words if column.required else f"{words}; may be missing"


def _listed(levels: tuple[str, ...], most: int | None) -> str:
    more = ", ..." if most is not None and len(levels) > most else ""
    return ", ".join(levels[:most]) + more


def _describe_range(column: Column) -> str:
    low = None if column.minimum == INT64_MIN else column.minimum
    high = None if column.maximum == INT64_MAX else column.maximum
    if low is not None and high is not None:
        return f", {write_bound(low)} to {write_bound(high)}"
    parts = (
        (low, "{} or more"),
        (column.exclusive_minimum, "above {}"),
        (high, "{} or less"),
        (column.exclusive_maximum, "below {}"),
    )
    return "".join(
        ", " + words.format(write_bound(bound)) for bound, words in parts if bound is not None
    )


def write_bound(bound: float) -> str:
    """A bound as a message shows it: ``18`` rather than ``18.0``."""
    return str(int(bound)) if bound == int(bound) else repr(bound)


def read_actionable(name: str, kind: Kind, spec: Mapping[str, Any]) -> bool:
    """Whether a field's JSON Schema says that it is actionable. Raises SchemaError."""
    actionable = spec.get("actionable", False)
    if not isinstance(actionable, bool):
        raise SchemaError(f"{name}: actionable must be true or false")
    if actionable and kind == "identifier":
        raise SchemaError(f"{name}: an identifier cannot be actionable")
    return actionable


def read_hints(name: str, kind: Kind, spec: Mapping[str, Any]) -> dict[str, str]:
    """The hints (see HINTS) in a field's JSON Schema. Raises SchemaError for an invalid one."""
    hints = {key: str(spec[key]) for key in HINTS if spec.get(key)}
    for key, value in hints.items():
        if value not in HINTS[key]:
            raise SchemaError(f"{name}: {key} must be one of {', '.join(HINTS[key])}")
        if kind not in ("integer", "number"):
            raise SchemaError(f"{name}: {key} needs a numerical field, but this is a {kind}")
    return hints
