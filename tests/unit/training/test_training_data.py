import json

import pandas as pd
import pytest

from churn_model.errors import TableError, TrainingError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import Column
from training.arguments.train import train_options
from training.data.dataset import load_dataset, match
from training.data.simulator import simulate
from training.training_data import read_training_data


@pytest.fixture
def table(tmp_path):
    """Simulated customers with other column names."""
    drawn = simulate(400, seed=2)
    frame = drawn.customers.assign(Exited=drawn.churned)
    frame.columns = ["CustomerId", "Age", "TENURE", "Monthly Charges", "total-charges", "Exited"]
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def read(*arguments):
    return read_training_data(train_options([*map(str, arguments)]))


DEFAULT = "churn_model.schema:CustomerRecord"


def test_without_a_schema_one_is_inferred_and_described(table):
    data = read("--data", table, "--target", "Exited=1", "--id", "CustomerId")
    names = ["CustomerId", "Age", "TENURE", "Monthly Charges", "total-charges"]
    assert [column.name for column in data.schema] == names
    assert "4 features" in data.assumed
    assert len(data.table.customers) == 400


def test_a_column_that_looks_like_a_leak_is_kept_if_its_alarm_is_accepted(table):
    frame = pd.read_csv(table)
    frame["Refund"] = frame["Exited"] * 5
    frame.to_csv(table, index=False)
    flags = ["--data", table, "--target", "Exited=1", "--id", "CustomerId"]
    assert "'Refund' is likely a leak: Refund alone predicts churn" in read(*flags).assumed
    kept = read(*flags, "--accept-alarm", "Refund", "--because", "known on the day of scoring")
    assert "Refund" in [column.name for column in kept.schema]


@pytest.mark.parametrize("schema", [[], ["--schema", DEFAULT]])
def test_a_missing_value_that_no_cell_has_is_reported(table, schema):
    flags = ["--data", table, "--target", "Exited=1", "--id", "CustomerId", *schema]
    given = read(*flags, "--missing", "Age=-99999", "--missing", "total-charges=-1")
    assert "--missing: no cell of 'Age' is '-99999'; nothing was changed" in given.table.notes
    frame = pd.read_csv(table)
    frame.loc[::50, "Age"] = -99999
    frame.to_csv(table, index=False)
    again = read(*flags, "--missing", "Age=-99999", "--max-rejected", "0.1")
    assert not [note for note in again.table.notes if "'Age'" in note]


@pytest.mark.parametrize("written", ["-999.0", "-999,00", "-999"])
def test_a_missing_value_that_is_written_in_another_way_is_not_reported(table, written):
    frame = pd.read_csv(table, dtype=str)
    frame.loc[::50, "Monthly Charges"] = written
    frame.to_csv(table, index=False)
    flags = ["--data", table, "--target", "Exited=1", "--id", "CustomerId"]
    data = read(*flags, "--missing", "Monthly Charges=-999", "--max-rejected", "0.1")
    assert data.table.notes == ()


def test_of_two_fields_with_similar_names_only_the_excluded_one_is_left_out(table, tmp_path):
    pd.read_csv(table).assign(age=lambda frame: frame["Age"]).to_csv(table, index=False)
    fields = {name: {"type": "integer"} for name in ("Age", "age")}
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"type": "object", "properties": fields, "required": [*fields]}))
    data = read("--data", table, "--schema", schema, "--target", "Exited=1", "--exclude", "age")
    assert [column.name for column in data.schema] == ["Age"]


def test_with_a_schema_columns_are_matched_by_name_and_described(table):
    flags = ["--data", table, "--schema", DEFAULT, "--target", "Exited=1", "--id", "CustomerId"]
    data = read(*flags)
    assert data.schema == CUSTOMER_SCHEMA
    drawn = simulate(400, seed=2).customers
    pd.testing.assert_frame_equal(data.table.customers, drawn, check_dtype=False)
    assert "monthly_charges is 'Monthly Charges'" in data.assumed
    pd.read_csv(table).drop(columns="Age").to_csv(table, index=False)
    with pytest.raises(TableError, match=r"no column matches the required field 'age'.*--dataset"):
        read(*flags)


@pytest.mark.parametrize("flag", ["--exclude", "--audit"])
@pytest.mark.parametrize(("column", "field"), [("total-charges", "total_charges"), ("Age", "age")])
def test_an_excluded_field_of_a_declared_schema_is_no_feature(table, flag, column, field):
    flags = ["--data", table, "--schema", DEFAULT, "--target", "Exited=1", "--id", "CustomerId"]
    data = read(*flags, flag, column)
    assert field not in [each.name for each in data.schema]
    assert field not in data.table.customers


def test_a_field_without_a_column_suggests_the_nearest_column(table):
    frame = pd.read_csv(table).rename(columns={"Monthly Charges": "Monthly Charge"})
    frame.to_csv(table, index=False)
    flags = ["--data", table, "--schema", DEFAULT, "--target", "Exited=1", "--id", "CustomerId"]
    with pytest.raises(TableError, match=r"'monthly_charges'. Did you mean 'Monthly Charge'\?"):
        read(*flags)
    with pytest.raises(
        TableError, match=r"no column 'CustomerID' \(--id\). Did you mean 'CustomerId"
    ):
        read(*flags[:-1], "CustomerID")


def test_a_misspelled_monotone_field_suggests_the_nearest_field(table):
    flags = ["--data", table, "--target", "Exited=1", "--id", "CustomerId"]
    with pytest.raises(
        TrainingError, match=r"--monotone: 'Tenur' is not a field. Did you mean 'TEN"
    ):
        read(*flags, "--monotone", "Tenur=decreasing")


def test_a_declared_schema_with_a_protected_attribute_gives_a_hint_for_real_customers_only(table):
    flags = ["--data", table, "--target", "Exited=1", "--id", "CustomerId"]
    assert "protected by law: age (age)." in read(*flags, "--schema", DEFAULT).hint
    inferred = read(*flags)
    assert inferred.hint == ""
    assert "Age looks like an attribute protected by law (age)" in inferred.assumed
    assert read("--rows", 50).hint == ""


def test_a_name_that_is_similar_to_two_columns_is_not_guessed(table):
    frame = (
        pd.read_csv(table).assign(age=1, AGE=2).drop(columns="age").rename(columns={"AGE": "A.G.E"})
    )
    frame.to_csv(table, index=False)
    with pytest.raises(TableError, match="the required field 'age'"):
        read("--data", table, "--schema", DEFAULT, "--target", "Exited=1", "--id", "CustomerId")


def test_names_in_any_script_are_matched():
    schema = RecordSchema("Customer", (Column("客户_alter", "integer"), Column("$", "number")))
    columns = ["客户 Alter", "名前", "$"]
    assert match(columns, schema, "") == {"客户_alter": "客户 Alter", "$": "$"}
    with pytest.raises(TableError, match="the required field"):
        match(["客户 Alter", "€"], schema, "")


def test_the_inferred_descriptor_reads_the_table_again(table, tmp_path):
    data = read("--data", table, "--target", "Exited=1", "--id", "CustomerId")
    (tmp_path / "dataset.toml").write_text(data.table.dataset.to_toml())
    assert load_dataset(tmp_path / "dataset.toml", data.schema) == data.table.dataset


def test_unseen_levels_are_allowed_as_the_schema_or_the_flag_says(table):
    frame = pd.read_csv(table)
    frame["Plan"] = ["basic", "plus"] * 200
    frame.to_csv(table, index=False)
    flags = ["--data", table, "--target", "Exited=1", "--id", "CustomerId"]
    for unseen, allows_unlisted in (
        ([], True),
        (["--unseen", "reject"], False),
        (["--unseen", "refuse"], False),
        (["--unseen", ""], True),
    ):
        plan = {c.name: c for c in read(*flags, *unseen).schema}["Plan"]
        assert plan.allows_unlisted is allows_unlisted
    with pytest.raises(SystemExit):
        read(*flags, "--unseen", "guess")


def test_weights_and_split_dates_are_not_features(table):
    frame = pd.read_csv(table)
    frame["Copies"] = [1, 2, 3, 4] * 100
    frame["Joined"] = [f"2025-01-{day:02}" for day in range(1, 21)] * 20
    frame.to_csv(table, index=False)
    flags = ["--data", table, "--target", "Exited=1", "--id", "CustomerId", "--as-of", "2026-01-31"]
    names = [column.name for column in read(*flags).schema]
    assert {"Copies", "Joined"} <= set(names)
    data = read(*flags, "--weight", "Copies", "--split-by", "Joined")
    assert not {"Copies", "Joined"} & {column.name for column in data.schema}
    assert data.table.weights.sum() == 1000
    assert "'Copies' is --weight" in data.assumed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--target", "Exited=1"], "--target describes a table; name the table with --data"),
        (["--id", "Id"], "--id describes a table"),
        (["--data", "t.csv"], "needs --target COLUMN=VALUE"),
        (["--data", "t.csv", "--target", "a=1", "--dataset", "d.toml"], "use only one of them"),
    ],
)
def test_an_incomplete_description_is_rejected(arguments, complaint):
    with pytest.raises(TrainingError, match=complaint):
        read(*arguments)


def test_parameters_that_mlproject_leaves_empty_are_ignored(table):
    empty = ["--id=", "--target=", "--exclude=", "--as-of=", "--schema=", "--unseen="]
    assert read("--rows", 50, *empty).schema == CUSTOMER_SCHEMA
