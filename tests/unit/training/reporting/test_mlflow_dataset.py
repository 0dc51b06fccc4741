from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from mlflow.data.pandas_dataset import PandasDataset

from training.data.table import simulated_table
from training.reporting.mlflow_dataset import mlflow_dataset


@pytest.mark.filterwarnings("ignore:Hint:UserWarning")
@pytest.mark.parametrize("rows", [1, 2, 200])
def test_the_schema_is_the_one_that_mlflow_infers_from_all_rows(rows):
    table = simulated_table(200, 0).take(np.arange(rows))
    odd = {
        "plan": pd.Series(["basic", "plus"] * 100, dtype=object)[:rows],
        "late": pd.Series([*["a"] * 199, None], dtype=object)[:rows],
        "early": pd.Series([np.nan, *["a"] * 199], dtype=object)[:rows],
        "active": pd.Series([True, False] * 100, dtype=object)[:rows],
        "perhaps": pd.array([None, *[True] * 199], dtype="boolean")[:rows],
        "number": np.r_[np.ones(199), np.nan][:rows],
    }
    weights = np.linspace(1, 2, 200)[:rows]
    dataset = mlflow_dataset(
        replace(table, customers=table.customers.assign(**odd), weights=weights)
    )
    assert dataset.schema == PandasDataset(dataset.df, dataset.source).schema
    assert dataset.profile["num_rows"] == rows
