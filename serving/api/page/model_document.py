"""What the page needs to know of the served version: ``/page/model``."""

from __future__ import annotations

from typing import Any

import orjson

from churn_model.profile import MonitoringProfile
from churn_model.schema.column import Column
from churn_model.scoring.example import example_customer
from serving.api.page.training_ranges import FEW_ROWS, finite_bound, level_rows, training_range
from serving.served_model import ServedModel


def model_document(served: ServedModel, max_rows: int, max_body: int) -> bytes:
    """The fields of the form with their training ranges, an example, and the scorecard, as JSON.

    The page computes effects from the scorecard's tables, with the average customer's effects
    being 0. ``max_rows``, ``max_body``: the limits of a request with many customers.
    """
    scorer = served.scorer
    profile = served.valid_profile("the page does not show sparsely trained ranges")
    document = {
        **served.info(),
        "is_simulated": served.is_simulated,
        "fields": [_field(column, served, profile) for column in scorer.schema],
        "example": example_customer(scorer),
        "scorecard": scorer.scorecard.model_dump(exclude={"format", "version"}),
        "few_rows": FEW_ROWS,
        "max_rows": max_rows,
        "max_body": max_body,
    }
    return orjson.dumps(document)


def _field(
    column: Column, served: ServedModel, profile: MonitoringProfile | None
) -> dict[str, Any]:
    found = training_range(column, served.scorer.scorecard, profile)
    return {
        "name": column.name,
        "kind": column.kind,
        "unit": column.unit,
        "description": column.description,
        "required": column.required,
        "levels": column.levels,
        "allows_unlisted": column.allows_unlisted,
        "actionable": column.actionable,
        "bounds": [finite_bound(column, "minimum"), finite_bound(column, "maximum")],
        "range": None if found is None else found.as_dict(),
        "level_rows": level_rows(column, served.scorer.scorecard, profile),
    }
