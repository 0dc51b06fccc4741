"""The input example is logged in the types of the signature."""

import numpy as np
import pandas as pd

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from pyfunc.input_example import cast_to_signature
from pyfunc.signature import signature
from pyfunc.spark_types import result_type

SCHEMA = RecordSchema(
    "Customer",
    (
        Column("key", "identifier"),
        Column("visits", "integer"),
        Column("bill", "number", required=False),
        Column("active", "boolean", required=False),
        Column("signed", "date"),
        Column("plan", "category", levels=("basic", "plus")),
    ),
)


def test_columns_get_the_types_of_the_signature():
    example = pd.DataFrame(
        {
            "key": pd.Series(["a", "b"], dtype="string"),
            "visits": pd.Series([1, 2], dtype="Int64"),
            "bill": pd.Series([1, None], dtype="Int64"),
            "active": pd.Series([True, False], dtype="boolean"),
            "signed": ["2026-01-31", "2026-02-28"],
            "plan": pd.Series(["basic", "plus"], dtype="category"),
        }
    )
    before = example.copy(deep=True)
    typed = cast_to_signature(example, SCHEMA)
    assert [str(dtype) for dtype in typed.dtypes] == [
        "object",
        "int64",
        "float64",
        "bool",
        "object",
        "object",
    ]
    assert np.isnan(typed["bill"][1])
    pd.testing.assert_frame_equal(example, before)


def test_an_optional_boolean_with_missing_values_is_left_out():
    columns = {"key": ["a"], "visits": [1], "bill": [1.5], "active": [None]}
    example = pd.DataFrame(columns | {"signed": ["2026-01-31"], "plan": ["plus"]})
    assert "active" not in cast_to_signature(example, SCHEMA)


def test_the_signature_has_the_columns_the_scores_and_the_params():
    signed = signature(SCHEMA)
    assert [(c.name, c.type.name, c.required) for c in signed.inputs] == [
        ("key", "string", True),
        ("visits", "long", True),
        ("bill", "double", False),
        ("active", "boolean", False),
        ("signed", "string", True),
        ("plan", "string", True),
    ]
    assert signed.outputs.input_names() == ["key", "churn_prediction", "churn_probability"]
    params = [param.name for param in signed.params.params]
    assert params == ["threshold", "explain", "on_invalid", "as_of"]


def test_the_spark_type_follows_the_params():
    assert result_type(SCHEMA) == "`key` string, churn_prediction bigint, churn_probability double"
    reported = result_type(SCHEMA, explain=True, on_invalid="report", identifiers=False)
    assert reported == (
        "churn_prediction double, churn_probability double, "
        "reasons array<struct<feature:string,value:string,effect:double>>, error string"
    )
