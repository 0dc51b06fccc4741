"""The rules that single cells must follow, with their stable names and messages."""

from __future__ import annotations

from typing import TypeAlias

from churn_model.schema.column import Column, Kind

Rule: TypeAlias = tuple[str, str]
"""A rule's stable name, as pydantic calls it, and the message for a cell that breaks it."""

MISSING: Rule = ("missing", "is required")
INT: Rule = ("int_type", "must be an integer")
FRACTION: Rule = ("int_from_float", "must be an integer, without a fractional part")
RANGE: Rule = ("int_range", "must fit in 64 bits")
FLOAT: Rule = ("float_type", "must be a number")
FINITE: Rule = ("finite_number", "must be a finite number")
BOOL: Rule = ("bool_type", "must be true or false")
DATE: Rule = ("date_type", "must be a date such as 2026-01-31")
STRING: Rule = ("string_type", "must be a string")
UNICODE: Rule = ("string_unicode", "must be valid Unicode")

TYPE_RULES: dict[Kind, Rule] = {
    "integer": INT,
    "number": FLOAT,
    "boolean": BOOL,
    "date": DATE,
    "category": STRING,
    "identifier": STRING,
}
"""The rule for the type of each kind of column, except categories with fixed levels."""


def type_rule(column: Column) -> Rule:
    """The rule for the type of a column's cells."""
    if column.kind == "category" and not column.allows_unlisted:
        listed = ", ".join(map(repr, column.levels[:10]))
        return "literal_error", f"must be one of {listed}" + ", ..." * (len(column.levels) > 10)
    return TYPE_RULES[column.kind]
