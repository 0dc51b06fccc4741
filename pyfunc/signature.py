"""The model's MLflow signature, derived from its record schema."""

from __future__ import annotations

from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

from churn_model.schema import Kind, RecordSchema
from churn_model.scoring import EXPECTED_PROFIT

MLFLOW_TYPES: dict[Kind, DataType] = {
    "integer": DataType.long,
    "number": DataType.double,
    "boolean": DataType.boolean,
    "date": DataType.string,  # as in JSON; MLflow's datetime accepts nearly any string
    "category": DataType.string,
    "identifier": DataType.string,
}


def signature(schema: RecordSchema, *, campaign: bool = False) -> ModelSignature:
    """The signature: the schema's columns as inputs, the scores as outputs, and the params.

    A model of a schema with dates has an additional param ``as_of``, the day of scoring. One with a
    ``campaign`` also returns the expected profit, which may be missing.
    """
    params = [
        ParamSpec("threshold", DataType.double, None),
        ParamSpec("explain", DataType.boolean, False),
        ParamSpec("on_invalid", DataType.string, "raise"),
    ]
    if schema.dates:
        params.append(ParamSpec("as_of", DataType.string, None))
    return ModelSignature(
        inputs=Schema([ColSpec(MLFLOW_TYPES[c.kind], c.name, c.required) for c in schema]),
        outputs=Schema(
            [
                *(ColSpec(DataType.string, c.name) for c in schema.identifiers),
                ColSpec(DataType.long, "churn_prediction"),
                ColSpec(DataType.double, "churn_probability"),
                *([ColSpec(DataType.double, EXPECTED_PROFIT, required=False)] if campaign else []),
            ]
        ),
        params=ParamSchema(params),
    )
