"""A version with a campaign returns the same expected profits in every way of scoring it."""

from __future__ import annotations

import io
import json
import math
import shutil

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.pyfunc.scoring_server import predictions_to_json

from batch.score import main as score
from churn_model.client import ChurnClient
from churn_model.schema import CUSTOMER_SCHEMA
from pyfunc import registry as models
from pyfunc.loaded_version import read_version
from pyfunc.logging import log_model
from pyfunc.spark_types import result_type
from serving.served_model import load_model
from tests.integration.batch.conftest import rows
from tests.integration.conftest import Registry, call
from tests.integration.serving.conftest import server_thread
from training.data.simulator import simulate

UNKNOWN = 3
"""The customer whose revenue is missing."""


@pytest.fixture(scope="module")
def registry(empty_database, tmp_path_factory, campaign_scorer):
    """A registry whose champion has a campaign that decides by profit."""
    folder = tmp_path_factory.mktemp("campaign")
    shutil.copy(empty_database, folder)
    previous = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    example = simulate(3, seed=1).customers
    experiment = MlflowClient().create_experiment("churn", str(folder / "artifacts"))
    with mlflow.start_run(experiment_id=experiment):
        models.register(log_model(campaign_scorer.scorecard, CUSTOMER_SCHEMA, example))
    yield Registry(folder)
    mlflow.set_tracking_uri(previous)


@pytest.fixture
def customers():
    customers = simulate(40, seed=11).customers
    customers.loc[UNKNOWN, "total_charges"] = np.nan
    return customers


@pytest.fixture
def expected(campaign_scorer, customers):
    return campaign_scorer.score(customers).to_frame()


def assert_same(scored: pd.DataFrame, expected: pd.DataFrame) -> None:
    by_customer = scored.set_index("customer_id").loc[expected["customer_id"]]
    assert by_customer["churn_prediction"].tolist() == expected["churn_prediction"].tolist()
    profits = pd.to_numeric(by_customer["expected_profit"]).to_numpy(np.float64)
    np.testing.assert_allclose(profits, expected["expected_profit"], rtol=0, atol=1e-9)
    assert math.isnan(profits[UNKNOWN])
    assert np.isnan(profits).sum() == expected["expected_profit"].isna().sum()


def test_the_pyfunc_returns_the_profit_and_its_signature_names_it(registry, customers, expected):
    model = models.load()
    names = [column.name for column in model.metadata.signature.outputs]
    assert names == ["customer_id", "churn_prediction", "churn_probability", "expected_profit"]
    scored = model.predict(customers)
    assert list(scored) == names
    assert_same(scored, expected)
    assert model.predict(customers.dropna())["expected_profit"].dtype == np.float64


def test_mlflows_server_would_write_valid_json(registry, customers):
    """``mlflow models serve`` writes a missing profit as null, not as NaN."""
    for on_invalid in ("raise", "report"):
        scored = models.load().predict(customers, params={"on_invalid": on_invalid})
        written = io.StringIO()
        predictions_to_json(scored, written)
        reply = json.loads(written.getvalue(), parse_constant=pytest.fail)
        assert reply["predictions"][UNKNOWN]["expected_profit"] is None


def test_the_server_and_the_client_return_the_profit(registry, customers, expected):
    served = load_model("models:/churn@champion")
    with server_thread(served) as server, ChurnClient(server.url) as client:
        assert_same(client.predict(customers), expected)
        one = client.predict_one(customers.iloc[0].to_dict())
        assert one["expected_profit"] == pytest.approx(expected["expected_profit"][0], abs=1e-9)
        parquet = customers.to_parquet()
        header = {"Content-Type": "application/vnd.apache.parquet"}
        reply = server.post("/invocations", data=parquet, headers=header)
        assert_same(pd.DataFrame(reply.json()["predictions"]), expected)
        names = [*expected, "error"]
        spoiled = customers.assign(age=300)
        assert list(client.predict(spoiled, on_invalid="report")) == names
        assert list(client.predict(customers.head(0))) == list(expected)


@pytest.mark.parametrize("engine", ["local", "spark"])
def test_batch_scoring_returns_the_profit(registry, customers, expected, engine, tmp_path, request):
    if engine == "spark":
        request.getfixturevalue("spark")
    customers.to_parquet(tmp_path / "customers.parquet")
    flags = ["--engine", engine, "--input", tmp_path / "customers.parquet"]
    done = call(score, *flags, "--output", tmp_path / "out", cwd=registry.folder)
    assert done.returncode == 0, done.stderr
    written = rows(tmp_path / "out", "scored")
    assert list(written[0])[:4] == list(expected)
    by_customer = {row["customer_id"]: row for row in written}
    unknown = by_customer[customers["customer_id"][UNKNOWN]]
    assert unknown["expected_profit"] is None
    assert_same(pd.DataFrame(written), expected)


def test_a_customers_own_threshold_reaches_the_batch(registry, customers, tmp_path):
    customers.to_parquet(tmp_path / "customers.parquet")
    flags = ["--engine", "local", "--input", tmp_path / "customers.parquet", "--threshold", 0]
    done = call(score, *flags, "--output", tmp_path / "out", cwd=registry.folder)
    assert done.returncode == 0, done.stderr
    assert all(row["churn_prediction"] == 1 for row in rows(tmp_path / "out", "scored"))


def test_results_cannot_be_partitioned_by_the_profit(registry, customers, tmp_path):
    customers.assign(expected_profit="x").to_parquet(tmp_path / "customers.parquet")
    flags = ["--engine", "local", "--input", tmp_path / "customers.parquet"]
    flags += ["--output", tmp_path / "out", "--partition-by", "expected_profit"]
    done = call(score, *flags, cwd=registry.folder)
    assert done.returncode == 1
    assert "--partition-by expected_profit: the results have such a column" in done.stderr


def test_the_udf_by_itself_returns_the_profit(registry, spark, customers, expected):
    known = customers.dropna()
    scorer = read_version("models:/churn@champion").scorer
    types = result_type(scorer.schema, campaign=scorer.scorecard.campaign is not None)
    udf = mlflow.pyfunc.spark_udf(spark, "models:/churn@champion", result_type=types)
    table = spark.createDataFrame(known)
    scored = table.select(udf(*known.columns).alias("s")).select("s.*").collect()
    assert list(scored[0].asDict()) == list(expected)
    profits = [row["expected_profit"] for row in scored]
    assert profits == pytest.approx(expected["expected_profit"][known.index].tolist(), abs=1e-9)
