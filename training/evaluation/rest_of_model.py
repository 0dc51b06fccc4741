"""What some of the features predict: held-out probabilities of a model without the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from churn_model.arrays import Floats
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from training.data.customers import CustomersOfRows
from training.evaluation.metrics import Labels
from training.fitting.baselines import BOOSTING, baselines
from training.fitting.fit import feature_table
from training.fitting.splits import customer_folds
from training.fitting.threads import limited_threads

_FOLDS = 3


def held_out_probability(
    customers: pd.DataFrame,
    churned: Labels,
    features: Sequence[Column],
    customers_of_rows: CustomersOfRows,
) -> Floats:
    """Held-out probabilities (n,) of boosting with some of the features of n customers.

    Without features, and with fewer churners or other customers than folds, it is the base rate.
    """
    probability = np.full(len(churned), churned.mean())
    ever = customers_of_rows.ever(churned)
    if not features or min(ever.sum(), len(ever) - ever.sum()) < _FOLDS:
        return probability
    schema = RecordSchema("Customer", tuple(features))
    table = feature_table(customers, schema)
    for train, test in customer_folds(churned, customers_of_rows, _FOLDS, 0):
        model = baselines(schema)[BOOSTING]
        with limited_threads(len(train)):
            model.fit(table.iloc[train], churned[train])
            probability[test] = model.predict_proba(table.iloc[test])[:, 1]
    return probability
