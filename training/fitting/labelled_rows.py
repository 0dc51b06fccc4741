"""The rows that models are fitted on and scored on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.arrays import Floats, Rows
from churn_model.schema import RecordSchema
from training.data.customers import CustomersOfRows


@dataclass(frozen=True)
class LabelledRows:
    """n rows of customers and their labels.

    ``customers``: the columns of ``schema``. ``churned`` (n,): 0 or 1. ``weights`` (n,): sample
    weights. ``customers_of_rows``: which customer each row belongs to.
    """

    customers: pd.DataFrame
    churned: npt.NDArray[np.int64]
    weights: Floats
    schema: RecordSchema
    customers_of_rows: CustomersOfRows

    @classmethod
    def unweighted(
        cls,
        customers: pd.DataFrame,
        churned: npt.NDArray[np.int64],
        schema: RecordSchema,
    ) -> LabelledRows:
        """Rows of the same weight, each of another customer."""
        rows = len(churned)
        return cls(customers, churned, np.ones(rows), schema, CustomersOfRows.one_per_row(rows))

    def take(self, rows: Rows) -> LabelledRows:
        """Some of the rows."""
        return LabelledRows(
            self.customers.iloc[rows],
            self.churned[rows],
            self.weights[rows],
            self.schema,
            self.customers_of_rows.take(rows),
        )
