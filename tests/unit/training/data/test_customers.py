"""Which rows of a table are of the same customer."""

import numpy as np
import pandas as pd

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from training.data.customers import CustomersOfRows, customers_of_rows

IDENTIFIED = RecordSchema("Customer", (Column("Id", "identifier"), Column("x", "number")))
NAMELESS = RecordSchema("Customer", (Column("x", "number"),))


def test_rows_with_the_same_identifier_are_of_one_customer():
    table = pd.DataFrame({"Id": ["b", "a", "b", "c"], "x": [1.0, 2.0, 3.0, 4.0]})
    customers = customers_of_rows(table, table, IDENTIFIED)
    assert customers.code.tolist() == [0, 1, 0, 2]
    assert customers.n == 3
    assert customers.repeat


def test_rows_without_an_identifier_are_of_different_customers():
    table = pd.DataFrame({"Id": ["a", None, None], "x": [1.0, 2.0, 3.0]})
    assert customers_of_rows(table, table, IDENTIFIED).code.tolist() == [0, 1, 2]


def test_of_several_identifiers_the_one_with_the_fewest_values_counts():
    schema = RecordSchema(
        "C",
        (Column("invoice", "identifier"), Column("customer", "identifier"), Column("x", "number")),
    )
    table = pd.DataFrame({"invoice": ["1", "2", "3"], "customer": ["a", "a", "b"]})
    assert customers_of_rows(table, table, schema).code.tolist() == [0, 0, 1]


def test_without_an_identifier_exact_copies_are_of_one_customer():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=500), "y": rng.normal(size=500)})
    doubled = pd.concat([table, table.iloc[:50]], ignore_index=True)
    customers = customers_of_rows(doubled, doubled, NAMELESS)
    assert customers.n == 500
    assert (customers.code[500:] == customers.code[:50]).all()


def test_copies_by_chance_in_a_table_of_few_values_are_different_customers():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.integers(0, 3, 500), "y": rng.integers(0, 2, 500)})
    assert customers_of_rows(table, table, NAMELESS).n == 500


def test_customers_have_the_largest_flag_of_their_rows():
    customers = CustomersOfRows(np.array([0, 1, 0, 2]))
    assert customers.ever(np.array([0, 0, 1, 0])).tolist() == [1, 0, 0]
    assert customers.rows_of(np.array([0, 2])).tolist() == [0, 2, 3]
    assert customers.take(np.array([1, 3])).code.tolist() == [0, 1]
