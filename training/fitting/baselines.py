"""The two scikit-learn models that every scorecard is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from churn_model.schema import RecordSchema

LOGISTIC = "logistic_regression"
BOOSTING = "hist_gradient_boosting"


def baselines(schema: RecordSchema, seed: int = 0) -> dict[str, Pipeline]:
    """The unfitted baselines by name. Fit them on the result of ``fit.feature_table``."""
    return {LOGISTIC: _logistic(schema), BOOSTING: _boosting(schema, seed)}


def _logistic(schema: RecordSchema) -> Pipeline:
    numerical = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    encoder = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(_by_kind(schema, numerical, encoder), LogisticRegression(max_iter=1000))


def _boosting(schema: RecordSchema, seed: int) -> Pipeline:
    """Small trees and a low learning rate beat scikit-learn's defaults on tables of this size."""
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan
    )
    model = HistGradientBoostingClassifier(
        max_leaf_nodes=8, learning_rate=0.05, max_iter=150, random_state=seed
    )
    return make_pipeline(_by_kind(schema, "passthrough", encoder), model)


def _by_kind(schema: RecordSchema, numerical: Any, categorical: Any) -> ColumnTransformer:
    """Applies one transformer to the numerical features and another to the categorical ones."""
    columns: dict[bool, list[str]] = {False: [], True: []}
    for column in schema.features:
        columns[column.kind == "category"].append(column.name)
    return ColumnTransformer(
        [("numerical", numerical, columns[False]), ("categorical", categorical, columns[True])]
    )
