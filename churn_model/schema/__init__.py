"""What a customer record is: its fields, their types and bounds, and the forms they are written in.

``CustomerRecord`` is the default; ``RecordSchema`` describes any record.
"""

from churn_model.schema.column import Column, Kind
from churn_model.schema.customer import CUSTOMER_SCHEMA, EXAMPLES, CustomerRecord
from churn_model.schema.record_schema import RecordSchema

__all__ = ["CUSTOMER_SCHEMA", "EXAMPLES", "Column", "CustomerRecord", "Kind", "RecordSchema"]
