"""The default customer record, the only place where its fields are declared.

Everything else derives from it, or from another record's class or JSON Schema: the vectorised
checks, the MLflow signature, the server's request types, and training's list of features.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from churn_model.schema.column import INT64_MAX
from churn_model.schema.pydantic_class import STRICT
from churn_model.schema.record_schema import RecordSchema


class CustomerRecord(BaseModel):
    """One customer of a subscription business on the day of scoring."""

    model_config = STRICT

    customer_id: str = Field(description="The customer's identifier, returned unchanged")
    age: int = Field(ge=0, le=120, description="Age", json_schema_extra={"unit": "years"})
    tenure: int = Field(
        ge=0,
        le=INT64_MAX,
        description="Time since the customer joined",
        json_schema_extra={"unit": "months"},
    )
    monthly_charges: float = Field(
        ge=0,
        description="What the customer pays per month",
        json_schema_extra={
            "unit": "currency units per month",
            "role": "monthly_revenue",
            "actionable": True,
        },
    )
    total_charges: float | None = Field(
        default=None,
        ge=0,
        description="What the customer has paid so far, if known",
        json_schema_extra={"unit": "currency units"},
    )


EXAMPLES: tuple[dict[str, Any], ...] = (
    {
        "customer_id": "new-and-expensive",
        "age": 29,
        "tenure": 2,
        "monthly_charges": 99.9,
        "total_charges": 210.5,
    },
    {
        "customer_id": "loyal",
        "age": 48,
        "tenure": 61,
        "monthly_charges": 29.9,
        "total_charges": 1735.2,
    },
    {"customer_id": "total-unknown", "age": 71, "tenure": 14, "monthly_charges": 74.5},
)
"""Example customers of the default record."""

CUSTOMER_SCHEMA = RecordSchema.from_model(CustomerRecord)
"""The default record's schema. Importing this module fails if a field is not supported."""
