"""Record schemas: fields, types and bounds, as pydantic classes, JSON Schema or columns.

``CustomerRecord`` is the default record; ``RecordSchema`` describes any record.
"""

from churn_model.schema.column import Column, Kind
from churn_model.schema.customer import CUSTOMER_SCHEMA, EXAMPLES, CustomerRecord
from churn_model.schema.record_schema import RecordSchema

__all__ = ["CUSTOMER_SCHEMA", "EXAMPLES", "Column", "CustomerRecord", "Kind", "RecordSchema"]
