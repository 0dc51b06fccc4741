"""The model as a function of Spark's columns: this project's, and MLflow's."""

from __future__ import annotations

import subprocess
import sys

import mlflow
import pandas as pd
import pyarrow.parquet
import pytest
from pyspark.cloudpickle import dumps
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from batch.udf import scoring_udf
from churn_model.errors import BatchError, InvalidParameter, RegistryError
from pyfunc import registry as models
from pyfunc.signature import signature
from pyfunc.spark_types import result_type
from tests.integration.batch import awkward
from tests.integration.conftest import ROOT
from training.data.simulator import simulate


@pytest.fixture
def customers():
    return simulate(300, seed=21).customers


@pytest.fixture
def table(spark, registry, customers, tmp_path):
    customers.assign(other="x").to_parquet(tmp_path / "customers.parquet")
    return spark.read.parquet(str(tmp_path / "customers.parquet"))


def test_all_rows_keep_their_columns_and_get_the_scores_of_the_model(table, customers):
    score = scoring_udf(explain=True, threshold=0.3)
    scored = table.select("*", score(F.struct("*")).alias("churn")).select("*", "churn.*").collect()
    expected = models.load().predict(customers, {"explain": True, "threshold": 0.3})
    assert [row["customer_id"] for row in scored] == customers["customer_id"].tolist()
    assert {row["other"] for row in scored} == {"x"}
    for name in ("churn_probability", "churn_prediction"):
        assert [row[name] for row in scored] == expected[name].tolist()
    found = [[reason["effect"] for reason in row["reasons"]] for row in scored]
    assert found == [[reason["effect"] for reason in own] for own in expected["reasons"]]
    assert {row["error"] for row in scored} == {None}


def test_typed_tables_are_scored_and_rejected_like_the_pyfunc(spark, registry, tmp_path):
    model, score = models.load().unwrap_python_model(), scoring_udf()
    for number, table in enumerate(awkward.typed_tables()):
        file = tmp_path / f"{number}.parquet"
        pyarrow.parquet.write_table(table, file)
        rows = spark.read.parquet(str(file)).coalesce(1)
        scored = rows.select(score(F.struct("*")).alias("churn")).select("churn.*").collect()
        frame = table.to_pandas(types_mapper=pd.ArrowDtype)
        expected = model.predict(None, frame, {"on_invalid": "report"})
        assert [row["error"] for row in scored] == expected["error"].tolist()
        for name in ("churn_probability", "churn_prediction"):
            assert [row[name] for row in scored] == expected[name].tolist()


def test_names_are_compared_as_in_the_session(spark, table):
    upper = table.select([F.col(name).alias(name.upper()) for name in table.columns])
    spark.conf.set("spark.sql.caseSensitive", "false")
    try:
        score = scoring_udf()
    finally:
        spark.conf.set("spark.sql.caseSensitive", "true")
    assert [
        rows.select(score(F.struct("*")).alias("churn")).select("churn.*").collect()
        for rows in (table, upper)
    ] == [table.select(scoring_udf()(F.struct("*")).alias("churn")).select("churn.*").collect()] * 2


def test_sql_can_use_it(spark, table):
    spark.udf.register("churn_score", scoring_udf())
    table.createOrReplaceTempView("customers_to_score")
    query = "SELECT count(churn_score(struct(*)).churn_probability) AS n FROM customers_to_score"
    assert spark.sql(query).first()["n"] == 300


def test_an_executor_does_not_import_mlflow(spark, registry):
    function = scoring_udf().func
    structs = pa_structs()
    program = (
        "import pickle, sys\n"
        "function, structs = pickle.load(sys.stdin.buffer)\n"
        "report = next(function(iter([structs]))).to_pylist()\n"
        "assert report[0]['error'] is None and report[0]['churn_probability'] > 0, report\n"
        "print(sorted({'mlflow', 'batch.udf', 'sklearn'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=dumps((function, structs)),
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == "[]"


def pa_structs():
    frame = simulate(2, seed=1).customers
    return pyarrow.RecordBatch.from_pandas(frame, preserve_index=False).to_struct_array()


def test_mistakes_are_found_when_the_function_is_made(spark, registry):
    with pytest.raises(InvalidParameter, match="threshold must be a number from 0 to 1"):
        scoring_udf(threshold=2)
    with pytest.raises(InvalidParameter, match="as_of must be a date"):
        scoring_udf(as_of="soon")
    with pytest.raises(RegistryError):
        scoring_udf("models:/churn@nobody")


def test_it_needs_a_session_and_arrow_functions(spark, registry, monkeypatch):
    monkeypatch.setattr(SparkSession, "getActiveSession", classmethod(lambda cls: None))
    assert scoring_udf(), "the default session, as in another thread"
    monkeypatch.setattr(SparkSession, "_instantiatedSession", None)
    with pytest.raises(BatchError, match="there is no Spark session"):
        scoring_udf()
    monkeypatch.undo()
    monkeypatch.delattr(F, "arrow_udf")
    with pytest.raises(BatchError, match=r"needs PySpark 4\.1 or later"):
        scoring_udf()


def test_mlflows_udf_scores_a_valid_table(spark, registry, customers):
    schema = models.load().unwrap_python_model().scorer.schema
    names = [column.name for column in schema]
    table = spark.createDataFrame(
        customers.astype(object).where(customers.notna(), None),
        signature(schema).inputs.as_spark_schema(),
    )
    expected = models.load().predict(customers, {"explain": True, "threshold": 0.3})
    udf = mlflow.pyfunc.spark_udf(
        spark,
        "models:/churn@champion",
        result_type=result_type(schema, explain=True),
        params={"explain": True, "threshold": 0.3},
    )
    for arguments in (names, [F.struct(*names)]):
        scores = table.select(udf(*arguments).alias("s")).select("s.*").collect()
        assert [row["churn_probability"] for row in scores] == pytest.approx(
            expected["churn_probability"].tolist(), abs=1e-12
        )
        assert [row["churn_prediction"] for row in scores] == expected["churn_prediction"].tolist()
        assert [len(row["reasons"]) for row in scores] == expected["reasons"].map(len).tolist()


def test_mlflows_udf_reports_invalid_rows_without_moving_them(spark, registry):
    schema = models.load().unwrap_python_model().scorer.schema
    udf = mlflow.pyfunc.spark_udf(
        spark,
        "models:/churn@champion",
        result_type=result_type(schema, on_invalid="report"),
        params={"on_invalid": "report"},
    )
    ages = [(f"c{i}", age, 12, 70.5, None) for i, age in enumerate((42, 300, 43))]
    table = spark.createDataFrame(ages, signature(schema).inputs.as_spark_schema()).coalesce(1)
    scores = table.select(udf(*(c.name for c in schema)).alias("s")).select("s.*")
    # MLflow writes a missing string as "None" if other strings of the batch are not missing
    reported = scores.withColumn("error", F.nullif("error", F.lit("None"))).collect()
    assert [row["error"] for row in reported] == [None, "age: must be at most 120", None]
    assert [row["churn_probability"] is None for row in reported] == [False, True, False]
    assert [row["churn_prediction"] is None for row in reported] == [False, True, False]
