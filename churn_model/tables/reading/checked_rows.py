"""The result of checking a batch of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from churn_model.schema import RecordSchema
from churn_model.validation import Checked

ERROR, RULES = "error", "rules"
"""Columns of a rejected row: what is wrong in words, and as ``field:rule`` joined by ``;``."""


@dataclass(frozen=True)
class CheckedRows:
    """The result of checking a batch of n rows.

    ``identifiers``: the columns of identifiers (n,), which the results repeat unchanged. ``error``
    and ``rules`` (n,) are null for a valid row.
    """

    checked: Checked
    identifiers: Mapping[str, pa.Array]
    error: pa.Array
    rules: pa.Array

    @property
    def valid(self) -> pa.Array:
        """Which rows are valid (n,)."""
        return pa.array(self.checked.valid)

    def only_valid(self, column: pa.Array) -> pa.Array:
        """The cells of a column (n,) in valid rows."""
        return column.filter(self.valid) if self.checked.errors else column


def checked_rows(
    checked: Checked, identifiers: dict[str, pa.Array], schema: RecordSchema
) -> CheckedRows:
    """The result for checked rows; an identifier that they lack is null."""
    n = checked.n
    for column in schema.identifiers:
        identifiers.setdefault(column.name, pa.nulls(n, pa.string()))
    if not checked.errors:
        nulls = pa.nulls(n, pa.string())
        return CheckedRows(checked, identifiers, nulls, nulls)
    messages = pa.array(checked.errors.messages_by_row(n), pa.string())
    rules = checked.errors.messages_by_row(n, lambda error: f"{error.field}:{error.type}", ";")
    return CheckedRows(checked, identifiers, messages, pa.array(rules, pa.string()))
