"""The result type that ``mlflow.pyfunc.spark_udf`` needs for the model's predictions."""

from __future__ import annotations

from churn_model.schema import RecordSchema
from churn_model.scoring import OnInvalid


def result_type(
    schema: RecordSchema,
    *,
    explain: bool = False,
    on_invalid: OnInvalid = "raise",
    identifiers: bool = True,
) -> str:
    """What ``mlflow.pyfunc.spark_udf`` has to be told of the model's replies, as Spark's DDL.

    The arguments are the params that the UDF is made with. A reason's value is text in Spark,
    where a column has one type. Under ``on_invalid="report"`` the prediction is a double: MLflow
    converts it with numpy, which has no missing whole number; it also writes the missing error of
    a good row as the text ``None``, which ``nullif(error, lit("None"))`` puts right.
    Identifiers go through numpy too, which cuts a NUL off a text's end: without ``identifiers``
    they are left to the caller, who has them in the row anyway.
    """
    whole = "double" if on_invalid == "report" else "bigint"
    names = (column.name.replace("`", "``") for column in schema.identifiers)
    columns = [f"`{name}` string" for name in names if identifiers]
    columns += [f"churn_prediction {whole}", "churn_probability double"]
    if explain:
        columns.append("reasons array<struct<feature:string,value:string,effect:double>>")
    if on_invalid == "report":
        columns.append("error string")
    return ", ".join(columns)
