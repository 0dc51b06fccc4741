"""Validation: checks DataFrames, records and columns against a schema, column by column.

``Checked`` holds the typed columns, the mask of valid rows, and an error for each invalid cell.
"""

from churn_model.validation.checks import (
    Checked,
    check_cells,
    check_columns,
    check_frame,
    check_records,
    check_series,
)

__all__ = [
    "Checked",
    "check_cells",
    "check_columns",
    "check_frame",
    "check_records",
    "check_series",
]
