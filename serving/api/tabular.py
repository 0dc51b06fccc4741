"""CSV and Parquet, parsed by MLflow's own code so that tables are read as MLflow's server does."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow.parquet
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.scoring_server import CONTENT_TYPE_CSV, CONTENT_TYPE_PARQUET, invocations

from churn_model.errors import FieldError
from serving.http.errors import ApiError
from serving.served_model import ServedModel

_invocations: Any = invocations
CSV, PARQUET = CONTENT_TYPE_CSV, CONTENT_TYPE_PARQUET


def count(body: bytes, mime: str) -> int:
    """Roughly how many customers a body contains, without parsing them."""
    if mime == CSV:
        return max(0, body.count(b"\n") - 1)
    try:
        return int(pyarrow.parquet.ParquetFile(io.BytesIO(body)).metadata.num_rows)
    except Exception:
        raise ApiError(400, "the body is not a Parquet file") from None


def score(served: ServedModel, body: bytes, content_type: str) -> tuple[bytes, list[float]]:
    """The reply of ``mlflow models serve``, and the probability of each customer.

    Raises ApiError if MLflow rejects the table; its message does not repeat the body.
    """
    model: Any = served.pyfunc
    try:
        reply = _invocations(body, content_type, model, model.metadata.get_input_schema())
    except MlflowException as error:
        raise _api_error(error, served) from None
    if reply.status != 200:
        raise ApiError(reply.status, reply.response)
    rows = json.loads(reply.response)["predictions"]
    return reply.response.encode(), [row["churn_probability"] for row in rows]


def _api_error(error: MlflowException, served: ServedModel) -> ApiError:
    if error.error_code == "INTERNAL_ERROR":
        return ApiError(500, "internal error")
    field_errors = error.json_kwargs.get("errors")
    if field_errors:
        fields = [FieldError(e["loc"][1], e["loc"][2], e["type"], e["msg"]) for e in field_errors]
        message = error.message.rsplit("\nError: ", 1)[-1]
        return ApiError(400, message, errors=fields, count=error.json_kwargs.get("error_count"))
    signature: Any = served.pyfunc.metadata.signature
    columns = ", ".join(f"{column.name} ({column.type.name})" for column in signature.inputs)
    return ApiError(400, f"the table does not have the model's columns and types: {columns}")
