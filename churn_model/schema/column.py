"""One field of a record, seen as a column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from churn_model.errors import SchemaError

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

OUTPUT_COLUMNS = ("churn_prediction", "churn_probability", "reasons", "error")
"""Columns of a scored table; no field of a record may have one of these names."""

Kind = Literal["integer", "number", "boolean", "date", "category", "identifier"]

HINTS: dict[str, tuple[str, ...]] = {
    "role": ("monthly_revenue",),
    "monotone": ("increasing", "decreasing"),
}
"""What a field may say to training: that it is what a customer is worth a month, and that the risk
only rises, or only falls, with it."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a record, seen as a column.

    Bounds are inclusive (``minimum``, ``maximum``) or exclusive; None means unbounded. Integers
    always have both inclusive bounds, at least those of 64 bits. An open category also takes texts
    that are none of its ``levels``; a scorecard has one entry for all of them. A date is scored by
    its age: the days from it to the day of scoring.
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

    @property
    def label(self) -> str:
        """The name for people: ``monthly charges (currency units a month)``."""
        words = self.name.replace("_", " ")
        return f"{words} ({self.unit})" if self.unit else words


def describe_column(column: Column, most_levels: int | None = None) -> str:
    """What a column takes, for people: ``whole number, 0 to 120``."""
    words = _KINDS.get(column.kind, column.kind)
    if column.kind == "category":
        listed = ", ".join(column.levels[:most_levels])
        more = ", ..." if most_levels is not None and len(column.levels) > most_levels else ""
        words = f"one of: {listed}{more}"
        words += " (or another)" if column.allows_unlisted else ""
    words += _range_in_words(column)
    return words if column.required else f"{words}; may be missing"


_KINDS = {"integer": "whole number", "boolean": "true or false", "date": "date, as 2026-01-31"}
_KINDS |= {"identifier": "text, carried through"}


def _range_in_words(column: Column) -> str:
    low, high = column.minimum, column.maximum
    low = None if low == INT64_MIN else low
    high = None if high == INT64_MAX else high
    above, below = column.exclusive_minimum, column.exclusive_maximum
    if low is not None and high is not None:
        return f", {low:g} to {high:g}"
    parts = [f"{low:g} or more"] if low is not None else []
    parts += [f"above {above:g}"] if above is not None else []
    parts += [f"{high:g} or less"] if high is not None else []
    parts += [f"below {below:g}"] if below is not None else []
    return "".join(f", {part}" for part in parts)


def read_hints(name: str, kind: Kind, spec: Mapping[str, Any]) -> dict[str, str]:
    """A field's hints (see HINTS), checked. Raises SchemaError."""
    found = {key: str(spec[key]) for key in HINTS if spec.get(key)}
    for key, value in found.items():
        if value not in HINTS[key]:
            raise SchemaError(f"{name}: {key} is one of {', '.join(HINTS[key])}")
        if kind not in ("integer", "number"):
            raise SchemaError(f"{name}: {key} is for a number, and this is a {kind}")
    return found
