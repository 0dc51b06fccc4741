import numpy as np
import pandas as pd

from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.validation import check_frame
from training.data.simulator import simulate


def test_simulated_customers_follow_the_schema():
    simulation = simulate(2000, seed=3)
    assert list(simulation.customers) == [column.name for column in CUSTOMER_SCHEMA]
    assert not check_frame(simulation.customers, CUSTOMER_SCHEMA).errors
    assert simulation.customers["customer_id"].is_unique
    assert simulation.customers["total_charges"].isna().any()


def test_the_same_seed_draws_the_same_customers_and_another_seed_others():
    first, again, other = simulate(100, 1), simulate(100, 1), simulate(100, 2)
    pd.testing.assert_frame_equal(first.customers, again.customers)
    np.testing.assert_array_equal(first.churned, again.churned)
    assert not first.customers.equals(other.customers)


def test_churn_is_drawn_with_the_true_probability():
    simulation = simulate(50_000, seed=4)
    bins = pd.qcut(simulation.probability, 10)
    table = pd.DataFrame({"p": simulation.probability, "y": simulation.churned})
    groups = table.groupby(bins, observed=True).mean()
    assert (groups["p"] - groups["y"]).abs().max() < 0.03
    assert 0.15 < simulation.churned.mean() < 0.35
