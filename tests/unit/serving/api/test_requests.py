import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.validation import check_records
from serving.api.requests import Params, read_invocation, read_object, read_query
from serving.http.errors import ApiError
from tests.unit.churn_model.test_validation import GOOD, any_record


def request(**body):
    return read_invocation(json.dumps(body).encode(), 1000)


def test_the_four_formats_of_mlflow_are_read(customer):
    records = [customer, customer]
    columns = {name: [value] * 2 for name, value in customer.items()}
    split = {"columns": list(customer), "data": [list(customer.values())] * 2}
    for body in ({"dataframe_records": records}, {"inputs": records}, {"instances": records}):
        assert (request(**body).customers, request(**body).n) == (records, 2)
    for body in ({"inputs": columns}, {"instances": columns}):
        assert (request(**body).customers, request(**body).n) == (columns, 2)
    read = request(dataframe_split=split)
    assert {name: list(cells) for name, cells in read.customers.items()} == columns
    assert request(inputs=customer).customers == [customer]


def test_params_are_read_and_invalid_ones_rejected():
    given_params = {"threshold": 0.3, "explain": True, "on_invalid": "report"}
    assert request(inputs=[], params=given_params).params == Params(0.3, True, "report")
    assert request(inputs=[]).params == Params()
    for wrong in ({"threshold": "0.3"}, {"threshold": True}, {"explain": 1}, {"on_invalid": 0}, []):
        with pytest.raises(ApiError, match="params"):
            request(inputs=[], params=wrong)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1]",
        b"{}",
        b'{"inputs": [], "instances": []}',
        b'{"inputs": 5}',
        b'{"inputs": {"age": [1], "tenure": [1, 2]}}',
        b'{"dataframe_records": {"age": 1}}',
        b'{"dataframe_split": {"columns": ["age"]}}',
        b'{"dataframe_split": {"columns": ["age", "age"], "data": [[1, 2]]}}',
        b'{"dataframe_split": {"columns": ["age"], "data": [[1, 2]]}}',
        b'{"dataframe_split": {"columns": ["age"], "data": [1]}}',
        b'{"dataframe_split": {"columns": ["age"], "data": [[1]], "index": [0, 1]}}',
        b'{"dataframe_split": {"columns": ["age"], "data": [], "more": 1}}',
        b'{"inputs": [' * 3000,
        b'{"inputs": "\xff"}',
    ],
)
def test_any_other_body_is_400(body):
    with pytest.raises(ApiError) as caught:
        read_invocation(body, 100_000)
    assert caught.value.status == 400
    assert caught.value.message


def test_the_bare_nan_of_mlflows_client_is_a_missing_value():
    text = r'{"inputs": [{"a": NaN, "b":NaN,"c": "NaN", "d": "\", NaN, \\\" NaN"}, {"a" :NaN}]}'
    read = read_invocation(text.encode(), 1000)
    d = '", NaN, \\" NaN'
    assert read.customers == [{"a": None, "b": None, "c": "NaN", "d": d}, {"a": None}]


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"inputs": [{"a": NaN}]}',
        '{"inputs": [{"a": NaN}]}'.encode("utf-16"),
        '{"inputs": [{"a": NaN}]}'.encode("utf-16-le"),
        b'{"inputs": [{"a": NaN, "b": 1e999}]}',
        b'{"inputs": [{"a": NaN, "b": Infinity}]}',
        b'{"inputs": [{"a": NaN, "b": "\t"}]}',
        b'{"inputs": [{"a": NaN, "b": "\\ud800"}]}',
        b'{"inputs": [{"a": -NaN}]}',
        b'{"inputs": [{"a": NaNNaN}]}',
        b'{"inputs": [{NaN: 1}]}',
        b'{"inputs": [{"a": "NaN}]}',
        b'{"inputs": [{"a": NaN, "b": "\xff"}]}',
        b'{"inputs": [{"a": NaN}], "b":' + b"[" * 3000,
    ],
)
def test_nan_does_not_make_the_reader_of_json_less_strict(body):
    with pytest.raises(ApiError) as caught:
        read_invocation(body, 100_000)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "text", [b'"' + rb"\"" * 500_000, b'"' + b"\\" * 1_000_001, b'"' * 1_000_001]
)
def test_nan_and_a_long_text_that_is_never_closed_are_400(text):
    # it takes milliseconds if each byte is read once, and hours if each quotation mark starts anew
    with pytest.raises(ApiError) as caught:
        read_invocation(b'{"inputs": [{"a": NaN, "b": ' + text, 1000)
    assert caught.value.status == 400


@pytest.mark.parametrize("text", ["0", "0.25", "1", ".5", "1.", "5e-1", "0.5E0", "-0"])
def test_a_threshold_in_a_query_is_a_decimal_number(text):
    assert read_query(f"threshold={text}".encode()).threshold == float(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "nan",
        "inf",
        "0_1",
        "%200.5",
        "0.5+",
        "%D9%A0.%D9%A5",
        "0x1",
        "1e",
        "1" * 400,
        "0,5",
    ],
)
def test_any_other_threshold_in_a_query_is_400(text):
    with pytest.raises(ApiError) as caught:
        read_query(f"threshold={text}".encode())
    assert caught.value.status == 400


def json_values(record):
    """The part of a record that JSON can represent."""
    return {
        name: value
        for name, value in record.items()
        if not isinstance(value, np.generic | bytes)
        and not (isinstance(value, float) and not math.isfinite(value))
    }


@settings(max_examples=300)
@given(any_record(CUSTOMER_SCHEMA, GOOD))
def test_pydantic_and_the_column_checks_accept_the_same_customers(record):
    sent = json_values(record)
    try:
        body = json.dumps(sent).encode()
    except (TypeError, ValueError):
        return
    validator = CUSTOMER_SCHEMA.row_model.__pydantic_validator__
    try:
        fields = validator.validate_json(body).__dict__
    except ValidationError:
        fields = None
    try:
        read = read_object(body)
    except ApiError:  # a string in it is not valid Unicode, or a number is beyond double
        return  # the routes for one customer and for many both read the body in this way
    checked = check_records([read], CUSTOMER_SCHEMA)
    assert (fields is not None) == bool(checked.valid[0])
    if fields is not None:
        keys = dict(zip(CUSTOMER_SCHEMA.row_model.model_fields, CUSTOMER_SCHEMA, strict=True))
        values = {keys[key].name: value for key, value in fields.items()}
        assert values["customer_id"] == checked.identifiers["customer_id"][0]
        assert values["age"] == checked.values["age"][0]
