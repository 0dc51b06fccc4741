"""Scores batches of rows: what both engines do with the rows that they read, and ``udf.py``.

Spark sends a ``RowScorer`` to its executors, so neither MLflow nor Spark is imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churn_model.errors import TableError
from churn_model.scoring import EXPECTED_PROFIT, Scorer
from churn_model.tables.reading.checked_rows import ERROR, RULES, CheckedRows
from churn_model.tables.reading.row_checker import LINE, RowChecker
from churn_model.tables.utf8 import as_text

_REASONS = pa.list_(
    pa.struct([("feature", pa.string()), ("value", pa.string()), ("effect", pa.float64())])
)


@dataclass(frozen=True)
class RowScorer:
    """Checks rows, scores the valid ones, and says why the others are not.

    ``partition_by``: columns of the input that scored rows repeat. ``as_of``: the day on which the
    ages of dates are computed. ``threshold``: None for the model's own. It can be pickled.
    """

    checker: RowChecker
    scorer: Scorer
    as_of: date
    partition_by: tuple[str, ...] = ()
    explain: bool = False
    threshold: float | None = None

    def scored(self, batch: pa.RecordBatch, checked_rows: CheckedRows) -> pa.RecordBatch:
        """The valid rows of a checked batch: identifiers, scores and partition columns."""
        columns: dict[str, Any] = {
            column.name: checked_rows.only_valid(checked_rows.identifiers[column.name])
            for column in self.scorer.schema.identifiers
        }
        columns |= self._scores(checked_rows)
        for name in self.partition_by:
            columns[name] = checked_rows.only_valid(batch.column(name))
        return pa.RecordBatch.from_pydict(columns)

    def _scores(self, checked_rows: CheckedRows) -> dict[str, pa.Array]:
        """The scores of the valid rows."""
        valid = checked_rows.checked.valid
        scores = self.scorer.score_columns(
            checked_rows.checked, threshold=self.threshold, explain=self.explain, as_of=self.as_of
        )
        columns = {
            "churn_prediction": pa.array(scores.prediction[valid]),
            "churn_probability": pa.array(scores.probability[valid]),
        }
        if scores.expected_profit is not None:
            # a missing revenue gives NaN, which becomes null
            columns[EXPECTED_PROFIT] = pa.array(scores.expected_profit[valid], from_pandas=True)
        if scores.reasons is not None:
            rows = np.flatnonzero(valid).tolist()
            reasons = [_with_text_values(scores.reasons[row]) for row in rows]
            columns["reasons"] = pa.array(reasons, _REASONS)
        return columns

    def reported(self, customers: pa.StructArray, *, any_case: bool = False) -> pa.StructArray:
        """The scores (n,) of customers, and the errors of invalid ones.

        All other results of an invalid customer are null, as are those of a null struct.
        ``any_case``: whether the names of fields may differ from the schema's in case. Raises
        TableError for an array that is not of structs, or without a required field.
        """
        if not isinstance(customers, pa.StructArray):  # a tuple of several columns, for example
            raise TableError(f"{self.checker.source}: give one struct, such as struct(*)")
        # only these, because others may have types and names that cannot be read
        positions = self._positions([field.name for field in customers.type], any_case)
        fields = {name: customers.field(position) for name, position in positions.items()}
        checked_rows = self.checker(pa.RecordBatch.from_pydict(fields))
        scored, error = self._scores(checked_rows), checked_rows.error
        if checked_rows.checked.errors or customers.null_count:
            valid = checked_rows.checked.valid
            known = customers.is_valid().to_numpy(zero_copy_only=False)
            rows = pa.array(np.cumsum(valid) - 1, mask=~(valid & known))
            scored = {name: column.take(rows) for name, column in scored.items()}
            error = pc.if_else(pa.array(known), error, "the customer is missing")
        columns = {**scored, ERROR: error}
        return pa.StructArray.from_arrays([*columns.values()], names=[*columns])

    def _positions(self, names: Sequence[str], any_case: bool) -> dict[str, int]:
        """The positions of the schema's fields in structs with fields of these names."""
        fields = [column.name for column in self.checker.schema]
        spelled = list(names)
        if any_case:
            absent = {name.lower(): name for name in fields if name not in names}
            spelled = [n if n in fields else absent.get(n.lower(), n) for n in names]
        columns = self.checker.columns([name for name in spelled if name not in (ERROR, RULES)])
        return {field: spelled.index(name) for field, name in columns.items()}

    def rejected(self, batch: pa.RecordBatch, checked_rows: CheckedRows) -> pa.RecordBatch:
        """The invalid rows of a checked batch, unchanged, and why each was rejected."""
        raw = {name: batch.column(name) for name in batch.schema.names}
        if self.checker.form == "lines":
            raw[LINE] = as_text(raw[LINE])
        columns = {**raw, ERROR: checked_rows.error, RULES: checked_rows.rules}
        return pa.RecordBatch.from_pydict(columns).filter(pc.invert(checked_rows.valid))


def _with_text_values(reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reasons whose values are strings, because an Arrow column has a single type."""
    return [{**r, "value": None if r["value"] is None else str(r["value"])} for r in reasons]
