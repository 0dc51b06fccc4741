import json
import pickle

import pyarrow as pa
import pytest

from churn_model.errors import TableError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.descriptor import TableDescriptor
from churn_model.tables.reading.row_checker import LINE, RowChecker
from tests.unit.churn_model.test_schema import Rich

PLAIN = TableDescriptor.plain(CUSTOMER_SCHEMA)


def checker(form, descriptor=PLAIN, schema=CUSTOMER_SCHEMA):
    return RowChecker(schema, descriptor, form, "table")


def identifiers(checked_rows):
    """The identifiers of the valid rows."""
    return checked_rows.only_valid(checked_rows.identifiers["customer_id"]).to_pylist()


def test_valid_rows_have_their_values_and_no_reason(customer):
    table = {name: pa.array([value, value]) for name, value in customer.items()}
    checked_rows = checker("typed")(pa.RecordBatch.from_pydict({**table, "more": pa.array([1, 2])}))
    for column in CUSTOMER_SCHEMA.features:
        assert checked_rows.checked.values[column.name].tolist() == [customer[column.name]] * 2
    assert identifiers(checked_rows) == [customer["customer_id"]] * 2
    assert checked_rows.error.null_count == checked_rows.rules.null_count == 2


def test_every_kind_of_field_can_come_as_strings_json_lines_or_typed_columns():
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
    descriptor = TableDescriptor.plain(schema)
    for form, batch in (("typed", typed), ("lines", lines), ("text", texts)):
        checked_rows = checker(form, descriptor, schema)(batch)
        assert checked_rows.rules.to_pylist() == [None]
        values = {name: column.tolist() for name, column in checked_rows.checked.values.items()}
        assert values == {
            "visits": [3],
            "score": [0.5],
            "active": [0],
            "plan": [0],  # the first level
            "region": [-1],  # missing
        }
        assert checked_rows.identifiers["key"].to_pylist() == ["k"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_missing_identifier_of_a_typed_column_is_reported(kind, customer):
    rows = pa.Table.from_pylist([customer | {"customer_id": key} for key in ("a", "b", None, "d")])
    rows = rows.set_column(0, "customer_id", rows["customer_id"].cast(kind))
    batch = rows.to_batches()[0].slice(1)
    checked_rows = checker("typed")(batch)
    assert checked_rows.error.to_pylist() == [None, "customer_id: is required", None]
    assert identifiers(checked_rows) == ["b", "d"]
    assert list(checked_rows.checked.identifiers["customer_id"]) == ["b", None, "d"]
    assert list(checker("typed")(batch.slice(2)).checked.identifiers["customer_id"]) == ["d"]


def test_a_rejected_row_has_all_its_reasons_in_words_and_as_rules(customer):
    bad = customer | {"age": 300, "tenure": None}
    checked_rows = checker("typed")(pa.RecordBatch.from_pylist([customer, bad]))
    assert checked_rows.valid.to_pylist() == [True, False]
    assert checked_rows.error.to_pylist() == [None, "age: must be at most 120; tenure: is required"]
    assert checked_rows.rules.to_pylist() == [None, "age:less_than_equal;tenure:missing"]


def test_the_descriptor_names_the_columns_and_blanks_around_names_are_ignored():
    columns = {"customer_id": "Id", "age": "Age", "tenure": "Months", "monthly_charges": "Charge"}
    descriptor = TableDescriptor(columns=columns)
    names = ["\ufeffId", " Age ", "Months", "Charge", "total_charges"]
    assert checker("text", descriptor).columns(names) == {
        "customer_id": "\ufeffId",
        "age": " Age ",
        "tenure": "Months",
        "monthly_charges": "Charge",
    }


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (
            ["customer_id", "tenure", "monthly_charges"],
            "table: has no column 'age' for the required field 'age'",
        ),
        (
            ["customer_id;age;tenure;monthly_charges"],
            "set it in the file for --columns, as the dataset.toml of the training run does",
        ),
        (
            ["customer_id", "age", "age ", "tenure", "monthly_charges"],
            "column 'age' occurs 2 times",
        ),
    ],
)
def test_a_missing_or_duplicate_column_is_named(names, complaint):
    with pytest.raises(TableError, match=complaint):
        checker("typed").columns(names)


def test_a_mistyped_column_gets_a_suggestion():
    with pytest.raises(TableError, match="Did you mean 'Tenure '"):
        checker("typed").columns(["customer_id", "age", "Tenure ", "monthly_charges"])


def test_only_the_line_that_is_not_valid_json_is_rejected(customer):
    lines = [json.dumps(customer), "{", "[1]", "null", ""]
    checked_rows = checker("lines")(pa.RecordBatch.from_pydict({LINE: lines}))
    rules = checked_rows.rules.to_pylist()
    assert [rules[i] for i in (0, 1, 4)] == [None, ":json_invalid", ":json_invalid"]
    assert all(":dict_type" in rule for rule in rules[2:4])


def test_a_json_line_that_is_not_valid_utf8_is_rejected(customer):
    lines = [json.dumps(customer | {"customer_id": "c@"}).encode() for _ in range(4)]
    lines[0] = lines[0].replace(b"@", b"\xff")
    lines[1] = lines[1].replace(b"@", b"\xfe")
    lines[2] = lines[2].replace(b"}", b', "note": "\xff"}')
    lines[3] = lines[3].replace(b"@", "\ufffd".encode())
    batch = pa.RecordBatch.from_pydict({LINE: pa.array([*lines, b"\xff{"], pa.binary())})
    checked_rows = checker("lines")(batch)
    unicode = "customer_id:string_unicode"
    rules = [unicode, unicode, ":string_unicode", None, ":json_invalid"]
    assert checked_rows.rules.to_pylist() == rules
    assert identifiers(checked_rows) == ["c\ufffd"], "as it is in the line"


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_an_identifier_of_a_typed_column_that_is_not_valid_utf8_is_rejected(customer, kind):
    binary = pa.binary() if kind == pa.string() else pa.large_binary()
    invalid = pa.array([b"c\xff", b"c\xfe", b"c"], binary).view(kind)
    table = {name: pa.array([value] * 3) for name, value in customer.items()}
    batch = pa.RecordBatch.from_pydict(table | {"customer_id": invalid})
    checked_rows = checker("typed")(batch)
    assert checked_rows.rules.to_pylist() == ["customer_id:string_unicode"] * 2 + [None]
    assert identifiers(checked_rows) == ["c"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("form", ["typed", "text"])
def test_a_level_that_is_not_valid_utf8_is_an_unlisted_one(form, kind):
    binary = pa.binary() if kind == pa.string() else pa.large_binary()
    cells = pa.array(["é".encode(), None, b"\xc3"], binary).view(kind)
    columns = (
        Column("closed", "category", required=False, levels=("é",)),
        Column("open", "category", required=False, levels=("é",), allows_unlisted=True),
    )
    schema = RecordSchema("Customer", columns)
    check = checker(form, TableDescriptor.plain(schema), schema)
    batch = pa.RecordBatch.from_pydict({"closed": cells, "open": cells})
    checked_rows = check(batch)
    assert checked_rows.rules.to_pylist() == [None, None, "closed:literal_error"]
    for name in ("closed", "open"):
        assert checked_rows.checked.values[name][:2].tolist() == [0, -1]
    assert checked_rows.checked.values["open"][2] == 1
    assert list(checked_rows.checked.texts["open"])[2] == "\ufffd"
    valid = check(batch.slice(0, 2)).checked
    assert valid.valid.all()
    assert list(valid.texts["open"]) == ["é", None]


def test_large_integers_are_not_changed(customer):
    largest = 2.0**63 - 1024  # the largest double below 2**63
    rows = [customer | {"tenure": tenure} for tenure in (largest, None, 3.0, 1e300)]
    checked_rows = checker("typed")(pa.RecordBatch.from_pylist(rows))
    assert checked_rows.valid.to_pylist() == [True, False, True, False]
    tenures = checked_rows.checked.values["tenure"][checked_rows.checked.valid]
    assert tenures.tolist() == [largest, 3]
    lines = [json.dumps(customer | {"tenure": tenure}) for tenure in (2**63 - 1, -1, "x")]
    checked_rows = checker("lines")(pa.RecordBatch.from_pydict({LINE: lines}))
    assert checked_rows.valid.to_pylist() == [True, False, False]


def test_a_checker_can_be_pickled(customer):
    assert checker("typed").schema.row_model.model_validate(customer)  # is cached
    copy = pickle.loads(pickle.dumps(checker("typed")))
    assert copy(pa.RecordBatch.from_pylist([customer])).rules.to_pylist() == [None]
