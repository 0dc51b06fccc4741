"""The columns of a table in a request body: which of them hold the model's fields."""

from __future__ import annotations

from collections.abc import Sequence

from churn_model.schema import RecordSchema
from churn_model.suggestions import did_you_mean
from pyfunc.signature import MLFLOW_TYPES
from serving.http.errors import ApiError


def find_columns(names: Sequence[str], schema: RecordSchema) -> dict[str, int]:
    """The position of each field's column: field -> index into ``names``.

    As in batch scoring, blanks around the names are ignored, and so are columns outside the schema.
    Raises ApiError 400 for a duplicate column, for a required field without a column, and if the
    table has no column of the model.
    """
    plain = [name.strip() for name in names]
    positions: dict[str, int] = {}
    for column in schema:
        occurrences = plain.count(column.name)
        if occurrences > 1:
            raise ApiError(
                400, f"the table has {occurrences} columns {column.name!r}; keep one of them"
            )
        if occurrences:
            positions[column.name] = plain.index(column.name)
        elif column.required:
            raise ApiError(
                400,
                f"the table has no column {column.name!r}.{did_you_mean(column.name, plain[:1000])}"
                f" {describe_columns(schema)}",
            )
    if not positions:
        raise ApiError(400, f"the table has no column of the model. {describe_columns(schema)}")
    return positions


def describe_columns(schema: RecordSchema) -> str:
    """The model's columns with their types in MLflow's signature, as a sentence without period."""
    columns = ", ".join(f"{column.name} ({MLFLOW_TYPES[column.kind].name})" for column in schema)
    return f"The model's columns are {columns}"
