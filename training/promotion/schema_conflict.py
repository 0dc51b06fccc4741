"""Why a challenger cannot be compared with the champion on one table."""

from __future__ import annotations

from collections.abc import Sequence

from churn_model.schema import RecordSchema
from churn_model.schema.compatibility import incompatibilities

_LISTED = 2


def schema_conflict(challenger: RecordSchema, champion: RecordSchema) -> str:
    """What differs between the schemas, as one clause; empty if the two can be compared."""
    rejected = incompatibilities(challenger, champion)
    if rejected:
        return f"its schema rejects inputs that the champion accepts ({_listed(rejected)})"
    return ""


def _listed(reasons: Sequence[str]) -> str:
    more = f"; and {len(reasons) - _LISTED} more" if len(reasons) > _LISTED else ""
    return "; ".join(reasons[:_LISTED]) + more
