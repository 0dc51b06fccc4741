"""Tables in request bodies: CSV and Parquet.

They follow the rules of batch scoring, so the same file gets the same scores over REST and in
batch. MLflow's own parser infers types, and moves cells to other columns if a row has too many.
"""

from __future__ import annotations

from mlflow.pyfunc.scoring_server import CONTENT_TYPE_CSV, CONTENT_TYPE_PARQUET

from churn_model.errors import InvalidRecords
from churn_model.schema import RecordSchema
from churn_model.tables.descriptor import TableDescriptor
from churn_model.validation import Checked
from serving.api.csv_body import read_csv
from serving.api.parquet_body import read_parquet
from serving.api.table_columns import describe_columns
from serving.http.errors import ApiError, to_api_error

CSV, PARQUET = CONTENT_TYPE_CSV, CONTENT_TYPE_PARQUET


def read(
    body: bytes,
    mime: str,
    schema: RecordSchema,
    *,
    max_rows: int,
    max_decoded: int,
    descriptor: TableDescriptor | None = None,
) -> Checked:
    """The checked customers (n) of a body of type CSV or PARQUET.

    Raises ApiError 400 if it cannot be read, and 413 for more than ``max_rows`` customers or more
    than ``max_decoded`` bytes in Parquet's columns. ``descriptor``: how cells are written.
    """
    if mime == PARQUET:
        return read_parquet(body, schema, max_rows, max_decoded, descriptor)
    try:
        return read_csv(body, schema, max_rows, descriptor)
    except InvalidRecords as error:
        raise invalid_customers(error, schema) from None


def invalid_customers(error: InvalidRecords, schema: RecordSchema) -> ApiError:
    """The error as a reply that also lists the model's columns."""
    reply = to_api_error(error)
    return ApiError(
        reply.status,
        f"{reply.message}. {describe_columns(schema)}",
        errors=reply.errors,
        count=reply.count,
        counts=reply.counts,
    )
