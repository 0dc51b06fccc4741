import pandas as pd
import pytest

from churn_model.errors import TableError, TrainingError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import Column
from training.arguments import train_options
from training.data.dataset import load_dataset, match
from training.data.simulator import simulate
from training.training_data import read_training_data


@pytest.fixture
def table(tmp_path):
    """The simulated customers under other headers."""
    drawn = simulate(400, seed=2)
    frame = drawn.customers.assign(Exited=drawn.churned)
    frame.columns = ["CustomerId", "Age", "TENURE", "Monthly Charges", "total-charges", "Exited"]
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def read(*arguments):
    return read_training_data(train_options([*map(str, arguments)]))


DEFAULT = "churn_model.schema:CustomerRecord"


def test_without_a_schema_one_is_inferred_and_told(table):
    found = read("--data", table, "--target", "Exited=1", "--id", "CustomerId")
    names = ["CustomerId", "Age", "TENURE", "Monthly Charges", "total-charges"]
    assert [column.name for column in found.schema] == names
    assert "4 features" in found.assumed
    assert len(found.table.customers) == 400


def test_with_a_schema_columns_are_matched_by_name_and_what_was_matched_is_told(table):
    asked = ["--data", table, "--schema", DEFAULT, "--target", "Exited=1", "--id", "CustomerId"]
    found = read(*asked)
    assert found.schema == CUSTOMER_SCHEMA
    drawn = simulate(400, seed=2).customers
    pd.testing.assert_frame_equal(found.table.customers, drawn, check_dtype=False)
    assert "monthly_charges is 'Monthly Charges'" in found.assumed
    excluded = read(*asked, "--exclude", "total-charges")
    assert excluded.table.customers["total_charges"].isna().all()
    with pytest.raises(TableError, match=r"no column has the name of the field 'age'.*--dataset"):
        read(*asked, "--exclude", "Age")


def test_a_name_that_two_columns_nearly_have_is_not_guessed(table):
    frame = (
        pd.read_csv(table).assign(age=1, AGE=2).drop(columns="age").rename(columns={"AGE": "A.G.E"})
    )
    frame.to_csv(table, index=False)
    with pytest.raises(TableError, match="the field 'age'"):
        read("--data", table, "--schema", DEFAULT, "--target", "Exited=1", "--id", "CustomerId")


def test_letters_of_any_script_are_part_of_a_name():
    schema = RecordSchema("Customer", (Column("客户_alter", "integer"), Column("$", "number")))
    columns = ["客户 Alter", "名前", "$"]
    assert match(columns, schema, "") == {"客户_alter": "客户 Alter", "$": "$"}
    with pytest.raises(TableError, match="the field"):
        match(["客户 Alter", "€"], schema, "")


def test_what_was_assumed_is_a_descriptor_that_reads_the_table_again(table, tmp_path):
    found = read("--data", table, "--target", "Exited=1", "--id", "CustomerId")
    (tmp_path / "dataset.toml").write_text(found.table.dataset.to_toml())
    assert load_dataset(tmp_path / "dataset.toml", found.schema) == found.table.dataset


def test_unseen_categories_are_as_the_schema_says_or_as_the_user_does(table):
    frame = pd.read_csv(table)
    frame["Plan"] = ["basic", "plus"] * 200
    frame.to_csv(table, index=False)
    asked = ["--data", table, "--target", "Exited=1", "--id", "CustomerId"]
    for flags, allows_unlisted in (
        ([], True),
        (["--unseen", "refuse"], False),
        (["--unseen", ""], True),
    ):
        plan = {c.name: c for c in read(*asked, *flags).schema}["Plan"]
        assert plan.allows_unlisted is allows_unlisted
    with pytest.raises(SystemExit):
        read(*asked, "--unseen", "guess")


def test_weights_and_dates_of_splitting_are_no_features(table):
    frame = pd.read_csv(table)
    frame["Copies"] = [1, 2, 3, 4] * 100
    frame["Joined"] = [f"2025-01-{day:02}" for day in range(1, 21)] * 20
    frame.to_csv(table, index=False)
    asked = ["--data", table, "--target", "Exited=1", "--id", "CustomerId", "--as-of", "2026-01-31"]
    names = [column.name for column in read(*asked).schema]
    assert {"Copies", "Joined"} <= set(names)
    found = read(*asked, "--weight", "Copies", "--split-by", "Joined")
    assert not {"Copies", "Joined"} & {column.name for column in found.schema}
    assert found.table.weights.sum() == 1000
    assert "'Copies' is --weight" in found.assumed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--target", "Exited=1"], "--target describes a table; name the table with --data"),
        (["--id", "Id"], "--id describes a table"),
        (["--data", "t.csv"], "needs --target COLUMN=VALUE"),
        (["--data", "t.csv", "--target", "a=1", "--dataset", "d.toml"], "use only one of them"),
    ],
)
def test_half_a_description_is_refused(arguments, complaint):
    with pytest.raises(TrainingError, match=complaint):
        read(*arguments)


def test_parameters_that_mlproject_leaves_empty_are_none(table):
    empty = ["--id=", "--target=", "--exclude=", "--as-of=", "--schema=", "--unseen="]
    assert read("--rows", 50, *empty).schema == CUSTOMER_SCHEMA
