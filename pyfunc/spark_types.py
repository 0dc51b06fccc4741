"""The types of the model's predictions in Spark, which ``mlflow.pyfunc.spark_udf`` needs too."""

from __future__ import annotations

from churn_model.schema import RecordSchema
from churn_model.scoring import EXPECTED_PROFIT, OnInvalid


def result_type(
    schema: RecordSchema,
    *,
    explain: bool = False,
    on_invalid: OnInvalid = "raise",
    identifiers: bool = True,
    campaign: bool = False,
) -> str:
    """The columns of the predictions, in Spark's DDL.

    ``explain`` and ``on_invalid`` are the params of the UDF. The value of a reason is a string,
    because a Spark column has one type. With ``on_invalid="report"`` the prediction is a double:
    MLflow converts it with numpy, where an integer cannot be missing. MLflow also writes the
    missing error of a valid row as the string ``None``; ``nullif(error, lit("None"))`` restores the
    null. numpy strips trailing NUL characters from strings: with ``identifiers=False`` the
    identifiers are left out, so that the caller can take them from the input rows. ``campaign``:
    whether the model has one, and so returns the expected profit.
    """
    prediction = "double" if on_invalid == "report" else "bigint"
    names = (column.name.replace("`", "``") for column in schema.identifiers)
    columns = [f"`{name}` string" for name in names if identifiers]
    columns += [f"churn_prediction {prediction}", "churn_probability double"]
    if campaign:
        columns.append(f"{EXPECTED_PROFIT} double")
    if explain:
        columns.append("reasons array<struct<feature:string,value:string,effect:double>>")
    if on_invalid == "report":
        columns.append("error string")
    return ", ".join(columns)
