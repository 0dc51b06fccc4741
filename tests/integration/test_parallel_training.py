"""A training run in several processes."""

import mlflow
import pytest

from churn_model.schema import CUSTOMER_SCHEMA
from training.data.table import simulated_table
from training.run import Plan, train

QUICK = {"folds": 2, "repeats": 1, "bags": 1, "interactions": 1}


@pytest.fixture
def registry(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    yield
    mlflow.set_tracking_uri(None)


def test_one_and_several_processes_give_the_same_bytes(registry):
    table = simulated_table(400, 0)
    one, three = (train(table, CUSTOMER_SCHEMA, Plan(jobs=jobs, **QUICK)) for jobs in (1, 3))
    assert one.scorecard.dumps() == three.scorecard.dumps()
    client = mlflow.MlflowClient()
    metrics = [client.get_run(each.run_id).data.metrics for each in (one, three)]
    assert metrics[0] == metrics[1]
