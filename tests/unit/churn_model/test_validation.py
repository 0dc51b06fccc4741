from datetime import date, datetime, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from churn_model.errors import InvalidRecords, SchemaError
from churn_model.schema import CUSTOMER_SCHEMA, CustomerRecord, RecordSchema
from churn_model.schema.column import Column
from churn_model.validation import check_frame, check_records
from tests.unit.churn_model.test_schema import Dated

RICH = RecordSchema.from_model(Dated)
TWO_DECIMALS = pa.decimal128(10, 2)
NAN, INF = float("nan"), float("inf")


def rules(errors):
    return [(error.row, error.field, error.type) for error in errors]


def records(customer, field, *values):
    return [{**customer, field: value} for value in values]


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("age", 30.5, "int_from_float"),
        ("age", 30.0, "int_type"),
        ("age", "35", "int_type"),
        ("age", True, "int_type"),
        ("age", NAN, "int_type"),
        ("age", None, "missing"),
        ("age", -1, "greater_than_equal"),
        ("age", 121, "less_than_equal"),
        ("tenure", 2**63, "int_range"),
        ("tenure", -(2**63) - 1, "int_range"),
        ("tenure", 1e308, "int_type"),
        ("monthly_charges", NAN, "finite_number"),
        ("monthly_charges", INF, "finite_number"),
        ("monthly_charges", 10**400, "finite_number"),
        ("monthly_charges", False, "float_type"),
        ("monthly_charges", "70", "float_type"),
        ("monthly_charges", [70.0], "float_type"),
        ("monthly_charges", -0.01, "greater_than_equal"),
        ("total_charges", NAN, "finite_number"),
        ("customer_id", 5, "string_type"),
        ("customer_id", None, "missing"),
        ("customer_id", "\ud800", "string_unicode"),
    ],
)
def test_an_invalid_value_in_a_record_names_row_field_and_rule(customer, field, value, rule):
    checked = check_records([customer, {**customer, field: value}, customer], CUSTOMER_SCHEMA)
    assert rules(checked.errors) == [(1, field, rule)]
    assert checked.valid.tolist() == [True, False, True]


def test_no_message_repeats_the_value(customer):
    rows = records(customer, "customer_id", "\ud800secret") + records(customer, "age", 987, "987")
    for error in check_records(rows, CUSTOMER_SCHEMA).errors:
        assert "987" not in str(error)
        assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("monthly_charges", 1e308),
        ("monthly_charges", 70),
        ("tenure", 2**63 - 1),
        ("total_charges", None),
        ("customer_id", ""),
        ("customer_id", "客户-١٢٣-🙂"),
        ("unknown_extra", object()),
    ],
)
def test_a_value_that_the_schema_allows_is_valid(customer, field, value):
    assert not check_records([{**customer, field: value}], CUSTOMER_SCHEMA).errors


def test_all_invalid_fields_of_all_rows_are_listed_in_order(customer):
    bad = {**customer, "age": 130, "monthly_charges": "x"}
    checked = check_records([bad, customer, {}], CUSTOMER_SCHEMA)
    assert rules(checked.errors) == [
        (0, "age", "less_than_equal"),
        (0, "monthly_charges", "float_type"),
        (2, "customer_id", "missing"),
        (2, "age", "missing"),
        (2, "tenure", "missing"),
        (2, "monthly_charges", "missing"),
    ]
    with pytest.raises(InvalidRecords, match="row 0, age: must be at most 120"):
        checked.raise_if_invalid()


def test_a_value_that_is_not_a_record_is_an_error_of_its_row(customer):
    checked = check_records([customer, "text", None], CUSTOMER_SCHEMA)
    assert {(e.row, e.type) for e in checked.errors if e.field == ""} == {
        (1, "dict_type"),
        (2, "dict_type"),
    }
    assert checked.valid.tolist() == [True, False, False]


def test_no_customers_are_no_error():
    assert check_records([], CUSTOMER_SCHEMA).n == 0
    empty = pd.DataFrame(columns=[column.name for column in CUSTOMER_SCHEMA])
    assert check_frame(empty, CUSTOMER_SCHEMA).n == 0


def frame(customer, **columns):
    n = max(len(values) for values in columns.values())
    return pd.DataFrame({name: [value] * n for name, value in customer.items()} | columns)


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        (pd.Series([30.0, 31.0]), []),
        (pd.Series([30.5, 31.0]), [(0, "age", "int_from_float")]),
        (pd.Series([NAN, 31.0]), [(0, "age", "missing")]),
        (pd.Series([INF, 31.0]), [(0, "age", "finite_number")]),
        (pd.Series([1e300, 31.0]), [(0, "age", "int_range")]),
        (pd.Series([None, 31], dtype="Int64"), [(0, "age", "missing")]),
        (pd.Series([130, 31], dtype="Int16"), [(0, "age", "less_than_equal")]),
        (pd.Series([31, 2**63], dtype="uint64"), [(1, "age", "int_range")]),
        (pd.Series([31, 32], dtype="int64[pyarrow]"), []),
        (pd.Series([31, None], dtype="int64[pyarrow]"), [(1, "age", "missing")]),
        (pd.Series([True, False]), [(0, "age", "int_type"), (1, "age", "int_type")]),
        (pd.Series(["31", None], dtype="string"), [(0, "age", "int_type"), (1, "age", "missing")]),
        (
            pd.Series(["31", 31, None], dtype=object),
            [(0, "age", "int_type"), (2, "age", "missing")],
        ),
        (pd.Series([31, np.int32(31)], dtype=object), []),
        (pd.Series([31, 31]).astype("category"), []),
        (pd.to_datetime(pd.Series(["2020-01-01"])), [(0, "age", "int_type")]),
        (pd.Series([1 + 2j]), [(0, "age", "int_type")]),
    ],
)
def test_a_column_of_any_dtype_is_read_or_rejected(customer, column, wrong):
    assert rules(check_frame(frame(customer, age=column), CUSTOMER_SCHEMA).errors) == wrong


@pytest.mark.parametrize(
    ("ids", "wrong"),
    [
        (pd.Series(["a", "b"], dtype="string"), []),
        (pd.Series(["a", None], dtype="string"), [(1, "customer_id", "missing")]),
        (pd.Series(["a", "a"]).astype("category"), []),
        (pd.Series([1, 2]), [(0, "customer_id", "string_type"), (1, "customer_id", "string_type")]),
        (pd.Series(["a", 2], dtype=object), [(1, "customer_id", "string_type")]),
    ],
)
def test_identifiers_must_be_strings(customer, ids, wrong):
    assert rules(check_frame(frame(customer, customer_id=ids), CUSTOMER_SCHEMA).errors) == wrong


def test_an_absent_optional_column_is_missing_and_an_absent_required_one_an_error(customer):
    table = pd.DataFrame([customer] * 2).drop(columns=["total_charges", "age"])
    assert rules(check_frame(table, CUSTOMER_SCHEMA).errors) == [
        (0, "age", "missing"),
        (1, "age", "missing"),
    ]


def test_a_duplicate_column_is_rejected(customer):
    table = pd.DataFrame([customer])
    with pytest.raises(SchemaError, match="duplicate column 'age'; keep one of 2"):
        check_frame(pd.concat([table, table[["age"]]], axis=1), CUSTOMER_SCHEMA)


def test_categories_booleans_and_exclusive_bounds_are_checked():
    good = {"key": "a", "visits": 3, "score": 0.5, "active": True, "plan": "plus", "region": None}
    good["signed"] = "2024-02-29"
    table = pd.DataFrame([good, good])
    assert not check_frame(table, RICH).errors
    assert check_frame(table, RICH).values["plan"].tolist() == [1, 1]
    assert check_frame(table, RICH).values["region"].tolist() == [-1, -1]
    bad = good | {"visits": 10, "score": 0.0, "active": 1, "plan": "Plus", "region": 4}
    expected = [
        (1, "visits", "less_than"),
        (1, "score", "greater_than"),
        (1, "active", "bool_type"),
        (1, "plan", "literal_error"),
        (1, "region", "literal_error"),
    ]
    assert rules(check_records([good, bad], RICH).errors) == expected
    assert rules(check_frame(pd.DataFrame([good, bad], dtype=object), RICH).errors) == expected


DAYS = [date(1970, 1, 1), date(2024, 2, 29), None]
STAMPS = pa.timestamp("us")


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(DAYS, dtype=object),
        pd.Series(["1970-01-01", "2024-02-29", None]),
        pd.Series(["1970-01-01", "2024-02-29", None], dtype="category"),
        pd.Series(["1970-01-01", date(2024, 2, 29), None], dtype=object),
        pd.to_datetime(pd.Series(DAYS)),
        pd.Series(DAYS, dtype="datetime64[s]"),
        pd.Series(DAYS, dtype=pd.ArrowDtype(pa.date32())),
        pd.Series(pd.to_datetime(pd.Series(DAYS)), dtype=pd.ArrowDtype(STAMPS)),
    ],
)
def test_a_date_of_any_dtype_is_read_as_a_day_number(column):
    table = frame(GOOD_RICH, left=column)
    checked = check_frame(table, RICH)
    assert not checked.errors
    assert checked.values["left"][:2].tolist() == [0, 19782]
    assert np.isnan(checked.values["left"][2])
    assert rules(check_frame(frame(GOOD_RICH, signed=column), RICH).errors) == [
        (2, "signed", "missing")
    ]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["2024-01-31", "31.01.2024"]),
        pd.Series(["2024-01-31", "2024-02-30"]),
        pd.Series(["2024-01-31", 19782], dtype=object),
        pd.Series(["2024-01-31", datetime(2024, 1, 31, 12)], dtype=object),
        pd.Series([datetime(2024, 1, 31), datetime(2024, 1, 31, 12)]),
        pd.Series([date(2024, 1, 31), date(2024, 1, 31)]).astype("datetime64[s]")
        + pd.to_timedelta([0, 9**12], unit="s"),
    ],
)
def test_a_value_that_is_not_a_date_is_rejected(column):
    assert rules(check_frame(frame(GOOD_RICH, left=column), RICH).errors) == [
        (1, "left", "date_type")
    ]


def test_numbers_and_times_with_a_time_zone_are_rejected_as_dates():
    for column in (
        pd.Series([datetime(2024, 1, 31, tzinfo=timezone.utc)]),
        pd.Series([19782]),
        pd.Series([19782.0]),
    ):
        assert rules(check_frame(frame(GOOD_RICH, left=column), RICH).errors) == [
            (0, "left", "date_type")
        ]


def test_arrow_decimals_are_numbers_and_integers_if_integral(customer):
    ages = pd.array([Decimal("30.00"), Decimal("30.50"), None], dtype=pd.ArrowDtype(TWO_DECIMALS))
    table = frame(customer, age=ages, monthly_charges=ages)
    checked = check_frame(table, CUSTOMER_SCHEMA)
    assert rules(checked.errors) == [
        (1, "age", "int_from_float"),
        (2, "age", "missing"),
        (2, "monthly_charges", "missing"),
    ]


def test_a_large_integer_stays_exact_in_a_column_with_missing_values(customer):
    largest = pd.array([2**63 - 1, None], dtype="Int64")
    checked = check_frame(frame(customer, tenure=largest), CUSTOMER_SCHEMA)
    assert rules(checked.errors) == [(1, "tenure", "missing")]


def test_the_frame_is_not_changed(customer):
    table = pd.DataFrame([customer, {**customer, "age": 300}], index=["x", "y"])
    before = table.copy(deep=True)
    check_frame(table, CUSTOMER_SCHEMA)
    pd.testing.assert_frame_equal(table, before)


# --- pydantic's row checks and the column checks agree on every record --------------------------

numbers = st.one_of(
    st.integers(-3, 125),
    st.floats(-3, 125),
    st.integers(),
    st.floats(),
    st.sampled_from([2**63, 2**63 - 1, -(2**63), 2**64, 10**400, -0.0, 1e308, 5e-324]),
)
anything = st.one_of(
    numbers,
    st.booleans(),
    st.none(),
    st.text(max_size=5),
    st.sampled_from(["basic", "plus", "north", "35", "true", "\ud800", ""]),
    st.sampled_from(["2024-01-31", "20240131", "2024-02-30", "2024-W05-3", "1706659200"]),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=3),
    st.lists(st.integers(), max_size=2),
    st.complex_numbers(),
    st.decimals().filter(lambda value: not value.is_snan()),  # pandas fails on a signalling NaN
)


ABSENT = object()


def any_record(schema, good):
    """A valid record in which up to three fields were replaced, left out or added."""
    names = st.sampled_from([*(column.name for column in schema), "extra"])
    changes = st.dictionaries(names, st.one_of(st.just(ABSENT), numbers, anything), max_size=3)
    return changes.map(
        lambda changed: {k: v for k, v in (good | changed).items() if v is not ABSENT}
    )


GOOD = {"customer_id": "C", "age": 40, "tenure": 3, "monthly_charges": 9.5, "total_charges": None}
GOOD_RICH = {"key": "", "visits": 3, "score": 0.5, "active": False, "plan": "basic", "region": None}
GOOD_RICH |= {"signed": date(2024, 2, 29), "left": "2025-01-31"}


def pydantic_fields(model, record):
    """The fields of a record that pydantic rejects."""
    try:
        model.model_validate(record)
    except ValidationError as error:
        return {str(entry["loc"][0]) for entry in error.errors(include_url=False)}
    return set()


def column_fields(schema, batch):
    """The fields that the column checks reject, for each record of a batch."""
    fields = [set() for _ in batch]
    for error in check_records(batch, schema).errors:
        fields[error.row].add(error.field)
    return fields


@settings(max_examples=150)
@given(st.lists(any_record(CUSTOMER_SCHEMA, GOOD), max_size=4))
@example([{**GOOD, "tenure": 2**63 - 1}])
@example([{**GOOD, "age": value} for value in (-1, 0, 120, 121)])
@example([{**GOOD, "monthly_charges": 10**400}])
def test_pydantic_and_column_checks_agree_on_every_customer(batch):
    expected = [pydantic_fields(CustomerRecord, record) for record in batch]
    assert column_fields(CUSTOMER_SCHEMA, batch) == expected


@settings(max_examples=150)
@given(st.lists(any_record(RICH, GOOD_RICH), max_size=4))
@example([{**GOOD_RICH, "visits": value} for value in (0, 1, 9, 10)])
@example([{**GOOD_RICH, "score": value} for value in (0, 5e-324, 1, 1.0000000000000002)])
@example([{**GOOD_RICH, "left": value} for value in ("20250131", "2025-02-30", "2025-W05-3")])
def test_pydantic_and_column_checks_agree_on_every_kind_of_field(batch):
    expected = [pydantic_fields(RICH.row_model, record) for record in batch]
    assert column_fields(RICH, batch) == expected


@settings(max_examples=100)
@given(st.lists(any_record(CUSTOMER_SCHEMA, GOOD), min_size=1, max_size=4))
def test_objects_in_a_frame_are_checked_like_records(batch):
    names = [column.name for column in CUSTOMER_SCHEMA]
    rows = [[record.get(name) for name in names] for record in batch]
    columns = {
        name: pd.Series([row[i] for row in rows], dtype=object) for i, name in enumerate(names)
    }
    in_frame = check_frame(pd.DataFrame(columns), CUSTOMER_SCHEMA).valid
    # NaN of any type means missing in a DataFrame, so it is valid in an optional field
    as_missing = [
        {name: None if value != value else value for name, value in record.items()}
        for record in batch
    ]
    in_records = check_records(as_missing, CUSTOMER_SCHEMA).valid
    assert in_frame.tolist() == in_records.tolist()


STORAGES = (
    "str",
    pd.StringDtype("python"),
    pd.StringDtype("pyarrow"),
    pd.ArrowDtype(pa.string()),
    pd.ArrowDtype(pa.large_string()),
)


@pytest.mark.parametrize("unlisted", [False, True])
@pytest.mark.parametrize("dtype", STORAGES, ids=str)
def test_categories_are_the_same_however_their_strings_are_stored(dtype, unlisted):
    plan = Column("plan", "category", False, levels=("basic", "plus"), allows_unlisted=unlisted)
    schema = RecordSchema("Plans", (plan,))
    texts = ["plus", "other", None, "", "Basic", "basic", "basic\x00", "\u00fc"]
    expected = check_records([{"plan": text} for text in texts], schema)
    checked = check_frame(pd.DataFrame({"plan": pd.Series(texts, dtype=dtype)}), schema)
    assert checked.values["plan"].tolist() == expected.values["plan"].tolist()
    assert rules(checked.errors) == rules(expected.errors)
    listed = [text for text, seen in zip(texts, checked.valid, strict=True) if seen and text]
    if unlisted:
        assert [text for text in checked.texts["plan"] if isinstance(text, str) and text] == listed


def test_a_column_of_missing_categories_is_missing_in_arrow_too():
    plan = Column("plan", "category", levels=("basic", "plus"))
    frame = pd.DataFrame({"plan": pd.Series([None, None], dtype=pd.ArrowDtype(pa.string()))})
    checked = check_frame(frame, RecordSchema("Plans", (plan,)))
    assert rules(checked.errors) == [(0, "plan", "missing"), (1, "plan", "missing")]
