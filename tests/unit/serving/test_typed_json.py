import json

import numpy as np
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import INT64_MAX, INT64_MIN, Column
from churn_model.validation import check_records
from serving.api.requests import read_customers
from serving.http.content import count_brackets
from serving.http.errors import ApiError
from serving.typed_json import CustomersDecoder, customers_decoder

LEVELS = ("a", "é", "long level", 'quote"', "\\")
ANY_INTEGER = {"minimum": INT64_MIN, "maximum": INT64_MAX}
SCHEMA = RecordSchema(
    "all kinds",
    tuple(
        Column(f"{name} {required}", kind, required, **rules)
        for required in (True, False)
        for name, kind, rules in (
            ("id", "identifier", {}),
            ("any", "integer", ANY_INTEGER),
            ("bounded", "integer", {"minimum": -5, "maximum": 120}),
            ("free", "number", {}),
            ("positive", "number", {"exclusive_minimum": 0.0, "exclusive_maximum": 1e6}),
            ("yes", "boolean", {}),
            ("day", "date", {}),
            ("closed", "category", {"levels": LEVELS}),
            ("open", "category", {"levels": LEVELS, "allows_unlisted": True}),
        )
    ),
)
DECODER = CustomersDecoder(SCHEMA)

NUMBERS = st.sampled_from(
    "0 -0 -0.0 1 1.0 30.5 1e2 -5 120 121 1e-400 1e308 1e999 -1e999 NaN Infinity -Infinity 01 1. .5 "
    "+1 - 1e 0x1 9007199254740993 9223372036854775807 9223372036854775808 -9223372036854775808 "
    "-9223372036854775809 18446744073709551615 18446744073709551616 1.7976931348623159e308 "
    f"{'1' * 400} {'0.' + '1' * 400} 2.2250738585072011e-308 0.1e-5 1E+2".split()
) | (st.floats() | st.integers() | st.integers(-(2**66), 2**66)).map(json.dumps)
TEXTS = st.sampled_from(
    [
        '"a"',
        '"\\u0061"',
        '"\\u00e9"',
        '"é"',
        '"A"',
        '""',
        '"quote\\""',
        '"\\\\"',
        '"\\/"',
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\\ud83d\\ude00"',
        '"\\x"',
        '"\\u00"',
        '"\x00"',
        '"\n"',
        '"\x7f"',
        '"\udcff"',
        '"\udced\udca0\udc80"',
        '"\udcc0\udc80"',
        '"open',
        '"2026-01-31"',
        '"2026-02-30"',
        '"20260131"',
        '"2026-01-31T00:00"',
        '"2026-01-31\\n"',
        '"\u0662\u0660\u0662\u0666-\u0660\u0661-\u0663\u0661"',
        '"0001-01-01"',
        '"0000-01-01"',
        '"1"',
        '"true"',
        "'a'",
    ]
) | st.text().map(json.dumps)
OTHERS = st.sampled_from(
    ["null", "true", "false", "True", "[]", "{}", "[1]", '{"a": 1e999}', "", "nul", '{"\udcff": 1}']
)
TOKENS = NUMBERS | TEXTS | OTHERS
VALID = {
    "identifier": st.text(st.characters(codec="utf-8")).map(json.dumps),
    "integer": st.integers(-5, 120).map(str),
    "number": (st.integers(1, 10**5) | st.floats(1e-9, 1e5)).map(json.dumps),
    "boolean": st.sampled_from(["true", "false"]),
    "date": st.dates().map(lambda day: f'"{day}"'),
    "category": st.sampled_from(LEVELS).map(json.dumps),
}


def valid_token(column):
    tokens = VALID[column.kind]
    if column.allows_unlisted:
        tokens |= VALID["identifier"]
    return tokens if column.required else tokens | st.just("null")


VALID_CUSTOMER = st.fixed_dictionaries(
    {json.dumps(c.name): valid_token(c) for c in SCHEMA if c.required},
    optional={json.dumps(c.name): valid_token(c) for c in SCHEMA if not c.required},
).map(lambda fields: list(fields.items()))
KEYS = st.sampled_from([json.dumps(c.name) for c in SCHEMA]) | st.sampled_from(
    ['"extra"', '"\\u0069d True"', '"Id True"', '""', '"\udcff"', '"\\ud800"', "1", '"id True']
)


@st.composite
def any_customer(draw):
    """A valid customer with some of its fields replaced, repeated, removed or added."""
    fields = draw(VALID_CUSTOMER)
    for key, token in draw(st.lists(st.tuples(KEYS, TOKENS), max_size=2)):
        replaced = [(name, token if name == key else old) for name, old in fields]
        added = [*fields, (key, token)]
        first = [(key, token), *fields]
        removed = [(name, old) for name, old in fields if name != key]
        fields = draw(st.sampled_from([replaced, added, first, removed]))
    return fields


def write(fields, space=""):
    return "{" + ",".join(f"{space}{key}{space}:{token}" for key, token in fields) + space + "}"


def body_of(customers, space=""):
    text = f'{space}{{"customers":{space}[' + ",".join(customers) + f"{space}]}}{space}"
    return text.encode("utf-8", "surrogateescape")


def assert_same(fast, slow):
    assert fast.n == slow.n
    assert not slow.errors
    assert not fast.errors
    assert fast.valid.tolist() == slow.valid.tolist() == [True] * slow.n
    assert list(fast.values) == list(slow.values)
    for name, values in slow.values.items():
        assert fast.values[name].dtype == values.dtype
        assert fast.values[name].tobytes() == values.tobytes()  # also NaN, and the sign of zero
    assert {name: list(ids) for name, ids in fast.identifiers.items()} == {
        name: list(ids) for name, ids in slow.identifiers.items()
    }
    assert {name: list(cells) for name, cells in fast.texts.items()} == {
        name: list(cells) for name, cells in slow.texts.items()
    }


def read_slowly(body):
    """The customers as read without msgspec, or None for a body that is not read."""
    try:
        return check_records(orjson.loads(body)["customers"], SCHEMA)
    except orjson.JSONDecodeError:
        return None


BODIES = st.builds(
    body_of,
    st.lists(
        any_customer().map(write) | VALID_CUSTOMER.map(write) | OTHERS, min_size=2, max_size=4
    ),
    st.sampled_from(["", " ", "\n\t\r ", "\x0c", "\ufeff", "\x00"]),
)


@settings(max_examples=60, deadline=None)
@given(BODIES)
def test_the_decoder_accepts_only_what_the_checks_of_records_accept_and_reads_the_same(body):
    fast = DECODER.customers(body, count_brackets(body), 1000)
    if fast is not None:
        slow = read_slowly(body)
        assert slow is not None
        assert_same(fast, slow)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(VALID_CUSTOMER.map(write), min_size=2, max_size=4), st.sampled_from(["", " ", "\n"])
)
def test_the_decoder_reads_every_body_of_valid_customers(customers, space):
    body = body_of(customers, space)
    if body.count(b"{") == len(customers) + 1:  # braces in texts make a body look sparse
        assert_same(DECODER.customers(body, count_brackets(body), 1000), read_slowly(body))


@settings(max_examples=60, deadline=None)
@given(st.lists(VALID_CUSTOMER.map(write), min_size=2, max_size=3), st.data())
def test_a_damaged_body_is_read_as_without_the_decoder(customers, data):
    body = bytearray(body_of(customers))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(body) - 1))
        body[position : position + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b'"', b"\\", b"{", b"}", b",", b"0", b"e", b"-", b"\xff", b" "])
        )
    fast = DECODER.customers(bytes(body), count_brackets(bytes(body)), 1000)
    if fast is not None:
        slow = read_slowly(bytes(body))
        assert slow is not None
        assert_same(fast, slow)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([c.name for c in SCHEMA]), TOKENS, VALID_CUSTOMER)
@example("any False", "9223372036854775808", [])
@example("free True", "-0", [])
def test_each_awkward_value_in_each_field_is_read_the_same(name, token, fields):
    if not fields:
        fields = [(json.dumps(c.name), _plain(c)) for c in SCHEMA]
    fields = [(key, token if key == json.dumps(name) else old) for key, old in fields]
    body = body_of([write(fields)] * 2)
    fast, slow = DECODER.customers(body, count_brackets(body), 1000), read_slowly(body)
    if fast is not None:
        assert_same(fast, slow)
    elif slow is not None and body.count(b"{") == 3:
        # only rejected if it has an error (an object as a value has one, too)
        assert slow.errors


def _plain(column):
    plain = {"number": "1.5", "boolean": "true", "date": '"2026-01-31"', "integer": "1"}
    return plain.get(column.kind, '"a"')


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"customers": null}',
        b'{"customers": {}}',
        b'{"customers": []}',
        b'{"customers": [], "more": 1}',
        b'{"customers": [' + b"[" * 2000,
        b'{"customers": [' + b'{"a":' * 2000,
    ],
    ids=range(9),
)
def test_a_body_without_customers_is_left_to_the_other_reader(body):
    assert DECODER.customers(body, count_brackets(body), 1000) is None


def test_more_customers_than_the_limit_are_left_to_the_other_reader(customer):
    decoder = CustomersDecoder(CUSTOMER_SCHEMA)
    body = orjson.dumps({"customers": [customer] * 3})
    assert decoder.customers(body, count_brackets(body), 3).n == 3
    assert decoder.customers(body, count_brackets(body), 2) is None


def test_customers_with_few_of_many_optional_fields_are_left_to_the_other_reader():
    columns = tuple(Column(f"f{i}", "number", required=False) for i in range(50))
    decoder = CustomersDecoder(RecordSchema("wide", columns))
    empty = b'{"customers": [' + b"{}," * 999 + b"{}]}"
    assert decoder.customers(empty, count_brackets(empty), 1000) is None
    full = orjson.dumps({"customers": [{c.name: 1.5 for c in columns}] * 1000})
    assert decoder.customers(full, count_brackets(full), 1000).n == 1000


@pytest.mark.parametrize("name", ['"', "\\", "é", "a b", "\n", "customers", "__class__", "n", ""])
def test_any_field_name_is_read(name):
    schema = RecordSchema("name", (Column(name, "number"), Column("other", "number")))
    decoder = customers_decoder(schema)
    body = orjson.dumps({"customers": [{name: float(i), "other": 1.0} for i in range(3)]})
    request = read_customers(body, None, 1000, decoder)
    if decoder is not None:
        assert request.customers.values[name].tolist() == [0.0, 1.0, 2.0]
    else:
        assert request.customers[2] == {name: 2.0, "other": 1.0}


@pytest.mark.parametrize(
    "number", ["1e999", "NaN", "-Infinity", '"\udcff"', "[" * 2000], ids=range(5)
)
def test_an_ignored_field_must_be_valid_json(number):
    fields = [(json.dumps(c.name), _plain(c)) for c in SCHEMA]
    body = body_of([write(fields), write([*fields, ('"ignored"', number)])])
    with pytest.raises(ApiError) as caught:
        read_customers(body, None, 1000, DECODER)
    assert caught.value.status == 400


def test_customers_with_ignored_fields_are_read(customer):
    decoder = CustomersDecoder(CUSTOMER_SCHEMA)
    body = orjson.dumps({"customers": [customer, {**customer, "ignored": {"a": [1]}}]})
    request = read_customers(body, None, 1000, decoder)
    assert not check_records(request.customers, CUSTOMER_SCHEMA).errors
    assert np.array_equal(request.customers[1]["ignored"]["a"], [1])


# --- a single customer ----------------------------------------------------------------------------


def pydantic_cells(body):
    """The cells of a valid customer without msgspec; None for any other body."""
    try:
        orjson.loads(body)
        record = SCHEMA.row_model.__pydantic_validator__.validate_json(body)
    except (orjson.JSONDecodeError, ValidationError):
        return None
    return tuple(record.__dict__.values())


def as_sent(fields):
    return write(fields).encode("utf-8", "surrogateescape")


def assert_same_cells(fast, slow):
    assert slow is not None
    assert repr(fast) == repr(slow)  # also types, and the sign of zero


@settings(max_examples=200, deadline=None)
@given(any_customer().map(as_sent) | OTHERS.map(lambda text: text.encode(errors="replace")))
def test_a_customer_who_is_read_is_valid_and_read_the_same(body):
    fast = DECODER.customer(body)
    if fast is not None:
        assert_same_cells(fast, pydantic_cells(body))


@settings(max_examples=100, deadline=None)
@given(VALID_CUSTOMER.map(as_sent))
def test_every_valid_customer_is_read(body):
    assert_same_cells(DECODER.customer(body), pydantic_cells(body))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([c.name for c in SCHEMA]), TOKENS)
def test_each_awkward_value_of_a_single_customer_is_read_the_same(name, token):
    fields = [(json.dumps(c.name), token if c.name == name else _plain(c)) for c in SCHEMA]
    fast = DECODER.customer(as_sent(fields))
    if fast is not None:
        assert_same_cells(fast, pydantic_cells(as_sent(fields)))


@pytest.mark.parametrize("value", ["1", "{}", "1e999", '"\udcff"'])
def test_a_customer_with_an_ignored_field_is_left_to_the_other_reader(value):
    fields = [(json.dumps(c.name), _plain(c)) for c in SCHEMA]
    assert DECODER.customer(as_sent(fields)) is not None
    assert DECODER.customer(as_sent([*fields, ('"ignored"', value)])) is None
