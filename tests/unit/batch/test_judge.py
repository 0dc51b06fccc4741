import json
import pickle

import pyarrow as pa
import pytest

from batch.judge import LINE, Judge, arrow_schema
from churn_model.errors import TableError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.tables.descriptor import Layout
from tests.unit.churn_model.test_schema import Rich

PLAIN = Layout.plain(CUSTOMER_SCHEMA)


def judge(form, layout=PLAIN, schema=CUSTOMER_SCHEMA):
    return Judge(schema, layout, form, "table")


def test_what_holds_comes_out_in_the_models_own_types(customer):
    table = {name: pa.array([value, value]) for name, value in customer.items()}
    judged = judge("typed")(pa.RecordBatch.from_pydict({**table, "more": pa.array([1, 2])}))
    accepted = judged.accepted(CUSTOMER_SCHEMA)
    assert accepted.schema == arrow_schema(CUSTOMER_SCHEMA)
    assert accepted.to_pylist() == [customer, customer]
    assert judged.error.null_count == judged.rules.null_count == 2


def test_every_kind_of_field_goes_through_text_lines_and_columns():
    schema = RecordSchema.from_model(Rich)
    record = {"key": "k", "visits": 3, "score": 0.5, "active": False, "plan": "basic"}
    record["region"] = None
    typed = pa.RecordBatch.from_pylist([record])
    lines = pa.RecordBatch.from_pydict(
        {LINE: ['{"key": "k", "visits": 3, "score": 0.5, "active": false, "plan": "basic"}']}
    )
    texts = pa.RecordBatch.from_pylist(
        [{"key": "k", "visits": "3", "score": "0.5", "active": "no", "plan": "basic", "region": ""}]
    )
    layout = Layout.plain(schema)
    for form, batch in (("typed", typed), ("lines", lines), ("text", texts)):
        judged = judge(form, layout, schema)(batch)
        assert judged.rules.to_pylist() == [None]
        assert judged.accepted(schema).to_pylist() == [record]


def test_a_row_has_all_its_reasons_in_words_and_as_rules(customer):
    bad = customer | {"age": 300, "tenure": None}
    judged = judge("typed")(pa.RecordBatch.from_pylist([customer, bad]))
    assert judged.valid.to_pylist() == [True, False]
    assert judged.error.to_pylist() == [None, "age: must be at most 120; tenure: is required"]
    assert judged.rules.to_pylist() == [None, "age:less_than_equal;tenure:missing"]


def test_columns_are_found_by_the_descriptor_and_without_the_blanks_around_names():
    columns = {"customer_id": "Id", "age": "Age", "tenure": "Months", "monthly_charges": "Charge"}
    layout = Layout(columns=columns)
    names = ["\ufeffId", " Age ", "Months", "Charge", "total_charges"]
    found = judge("text", layout).columns(names)
    assert found == {
        "customer_id": "\ufeffId",
        "age": " Age ",
        "tenure": "Months",
        "monthly_charges": "Charge",
    }


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["customer_id", "tenure", "monthly_charges"], "table: has no column 'age'"),
        (["customer_id", "age", "age ", "tenure", "monthly_charges"], "2 columns named 'age'"),
    ],
)
def test_a_column_that_is_missing_or_there_twice_is_named(names, complaint):
    with pytest.raises(TableError, match=complaint):
        judge("typed").columns(names)


def test_a_line_that_is_no_json_is_refused_alone(customer):
    lines = [json.dumps(customer), "{", "[1]", "null", ""]
    judged = judge("lines")(pa.RecordBatch.from_pydict({LINE: lines}))
    rules = judged.rules.to_pylist()
    assert [rules[i] for i in (0, 1, 4)] == [None, ":json_invalid", ":json_invalid"]
    assert all(":dict_type" in rule for rule in rules[2:4])


def test_large_whole_numbers_come_through_as_they_are(customer):
    largest = 2.0**63 - 1024  # the largest whole number below 2**63 that a double holds
    rows = [customer | {"tenure": tenure} for tenure in (largest, None, 3.0, 1e300)]
    judged = judge("typed")(pa.RecordBatch.from_pylist(rows))
    assert judged.valid.to_pylist() == [True, False, True, False]
    tenures = judged.accepted(CUSTOMER_SCHEMA).column("tenure").to_pylist()
    assert tenures == [2**63 - 1024, 3]
    lines = [json.dumps(customer | {"tenure": tenure}) for tenure in (2**63 - 1, -1, "x")]
    judged = judge("lines")(pa.RecordBatch.from_pydict({LINE: lines}))
    tenures = judged.accepted(CUSTOMER_SCHEMA).column("tenure").to_pylist()
    assert tenures == [2**63 - 1]


def test_it_travels_to_other_processes(customer):
    assert judge("typed").schema.row_model.model_validate(customer)  # kept once it is made
    again = pickle.loads(pickle.dumps(judge("typed")))
    assert again(pa.RecordBatch.from_pylist([customer])).rules.to_pylist() == [None]
