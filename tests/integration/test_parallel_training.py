"""A training run in several processes."""

import mlflow

from churn_model.schema import CUSTOMER_SCHEMA
from tests.integration.conftest import working_in
from training.data.table import simulated_table
from training.run import Plan, train

QUICK = {"folds": 2, "repeats": 1, "bags": 1, "interactions": 1}


def test_one_and_several_processes_give_the_same_bytes(workplace):
    table = simulated_table(400, 0)
    with working_in(workplace):
        one, three = (train(table, CUSTOMER_SCHEMA, Plan(jobs=jobs, **QUICK)) for jobs in (1, 3))
        client = mlflow.MlflowClient()
        metrics = [client.get_run(each.run_id).data.metrics for each in (one, three)]
    assert one.scorecard.dumps() == three.scorecard.dumps()
    assert metrics[0] == metrics[1]
