"""What both engines do with the rows that they read."""

import pickle
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from batch.row_scorer import RowScorer
from churn_model.errors import TableError
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.descriptor import TableDescriptor
from churn_model.tables.reading.row_checker import RowChecker
from training.data.simulator import simulate

DAY = date(2026, 1, 31)


@pytest.fixture
def rows():
    """Three customers; the second one's charge is invalid."""
    frame = simulate(3, seed=4).customers.assign(region=["north", "south", None])
    frame.loc[1, "monthly_charges"] = -1.0
    return pa.RecordBatch.from_pandas(frame, preserve_index=False)


def row_scorer(scorer, **options):
    checker = RowChecker(scorer.schema, TableDescriptor.plain(scorer.schema), "typed", "table")
    return RowScorer(checker, scorer, DAY, **options)


def split(scores, rows):
    checked_rows = scores.checker(rows)
    return scores.scored(rows, checked_rows), scores.rejected(rows, checked_rows)


def test_each_row_is_either_scored_or_rejected_unchanged(scorer, rows):
    scored, rejected = split(row_scorer(scorer, partition_by=("region",)), rows)
    customers = rows.to_pylist()
    assert scored["customer_id"].to_pylist() == [customers[i]["customer_id"] for i in (0, 2)]
    assert scored["region"].to_pylist() == ["north", None]
    expected = scorer.score([customers[0], customers[2]]).probability
    assert scored["churn_probability"].to_pylist() == expected.tolist()
    reasons = {"error": "monthly_charges: must be at least 0"}
    reasons["rules"] = "monthly_charges:greater_than_equal"
    assert rejected.to_pylist() == [customers[1] | reasons]


def test_a_batch_without_valid_rows_has_the_columns_of_any_other(scorer, rows):
    scores = row_scorer(scorer, explain=True)
    some, _ = split(scores, rows)
    for others in (rows.slice(1, 1), rows.slice(0, 0)):
        none, _ = split(scores, others)
        assert (none.num_rows, none.schema) == (0, some.schema)


def test_a_report_keeps_all_rows_in_their_order(campaign_scorer, rows):
    scores = row_scorer(campaign_scorer, explain=True)
    report = scores.reported(rows.to_struct_array()).to_pylist()
    scored = [{**row} for row in split(scores, rows)[0].drop_columns("customer_id").to_pylist()]
    none = dict.fromkeys(scored[0])
    error = "monthly_charges: must be at least 0"
    assert report == [
        scored[0] | {"error": None},
        none | {"error": error},
        scored[1] | {"error": None},
    ]
    valid = scores.reported(rows.take([0, 2]).to_struct_array()).to_pylist()
    assert valid == [report[0], report[2]]
    assert scores.reported(rows.slice(1, 1).to_struct_array()).to_pylist() == [report[1]]
    assert scores.reported(rows.slice(0, 0).to_struct_array()).to_pylist() == []


def test_a_missing_struct_is_an_invalid_row(scorer, rows):
    structs = rows.to_struct_array()
    mask = pa.array([False, False, True])
    nulled = pa.StructArray.from_arrays(structs.flatten(), names=rows.schema.names, mask=mask)
    report = row_scorer(scorer).reported(nulled).to_pylist()
    scores = row_scorer(scorer).reported(structs).to_pylist()
    missing = {
        "churn_prediction": None,
        "churn_probability": None,
        "error": "the customer is missing",
    }
    assert report == [*scores[:2], missing]


def test_a_report_ignores_other_fields_of_any_name_and_type(scorer, rows):
    expected = row_scorer(scorer).reported(rows.to_struct_array())
    intervals = pa.nulls(3, pa.month_day_nano_interval())
    more = rows.append_column("error", pa.array(["x"] * 3)).append_column("interval", intervals)
    assert row_scorer(scorer).reported(more.to_struct_array()) == expected


def test_a_report_can_ignore_the_case_of_names(scorer, rows):
    scores = row_scorer(scorer)
    expected = scores.reported(rows.to_struct_array())
    other = rows.rename_columns([name.title() for name in rows.schema.names]).to_struct_array()
    assert scores.reported(other, any_case=True) == expected
    with pytest.raises(TableError, match="has no column 'customer_id'"):
        scores.reported(other)
    twice = rows.append_column("AGE", rows["age"]).rename_columns({"age": "Age"})
    with pytest.raises(TableError, match="column 'age' occurs 2 times"):
        scores.reported(twice.to_struct_array(), any_case=True)
    more = rows.append_column("AGE", pa.array([1, 2, 3])).to_struct_array()
    assert scores.reported(more, any_case=True) == expected


def test_structs_without_a_field_of_the_model_are_a_mistake():
    columns = (Column("age", "integer", required=False), Column("plan", "category", levels=("a",)))
    schema = RecordSchema("Customer", (columns[0], replace(columns[1], required=False)))
    check = RowChecker(schema, TableDescriptor.plain(schema), "typed", "table")
    for batch in (pa.RecordBatch.from_pydict({"other": [1, 2]}), pa.RecordBatch.from_pydict({})):
        with pytest.raises(TableError, match="table: has no column of the model"):
            check(batch)


def test_only_one_struct_can_be_scored(scorer, rows):
    scores = row_scorer(scorer)
    for columns in (rows["age"], (rows["age"], rows["tenure"])):
        with pytest.raises(TableError, match=r"give one struct, such as struct\(\*\)"):
            scores.reported(columns)
    with pytest.raises(TableError, match="has no column 'age' for the required field 'age'"):
        scores.reported(rows.drop_columns("age").to_struct_array())


def test_a_pickled_copy_scores_the_same(campaign_scorer, rows):
    scores = row_scorer(campaign_scorer, explain=True, threshold=0.2)
    copy = pickle.loads(pickle.dumps(scores))
    assert split(copy, rows) == split(scores, rows)
