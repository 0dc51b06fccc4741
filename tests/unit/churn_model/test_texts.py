"""Tables of strings: cells that cannot be parsed make their row invalid."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.cell_format import CellFormat
from churn_model.tables.descriptor import TableDescriptor
from churn_model.tables.number_texts import read_numbers
from churn_model.tables.texts import check_texts

SCHEMA = RecordSchema(
    "Customer",
    (
        Column("key", "identifier"),
        Column("visits", "integer", minimum=0, maximum=10),
        Column("share", "number"),
        Column("active", "boolean"),
        Column("signed", "date"),
        Column("plan", "category", levels=("basic", "plus")),
    ),
)
VALID = {
    "key": "a",
    "visits": "3",
    "share": "0.5",
    "active": "yes",
    "signed": "2026-01-31",
    "plan": "plus",
}


def check(schema=SCHEMA, **columns):
    cells = {name: pd.Series([value, value], dtype=object) for name, value in VALID.items()}
    cells |= {name: pd.Series(values, dtype=object) for name, values in columns.items()}
    return check_texts(cells, schema, TableDescriptor.plain(schema))


def test_each_kind_of_cell_is_parsed():
    checked, frame = check()
    assert not checked.errors
    assert frame.loc[0].tolist() == ["a", 3.0, 0.5, True, datetime.date(2026, 1, 31), "plus"]


@pytest.mark.parametrize(
    ("field", "cell", "rule", "message"),
    [
        ("key", "a\ufffd", "string_unicode", "must be valid Unicode"),
        ("visits", "three", "int_parsing", "is not a number"),
        ("visits", "٣", "int_parsing", "is not a number"),
        ("visits", "1_0", "int_parsing", "is not a number"),
        ("share", "half", "float_parsing", "is not a number"),
        ("active", "maybe", "bool_parsing", "is neither yes nor no"),
        ("signed", "31.01.2026", "date_parsing", "is not a date such as 2026-01-31"),
        ("plan", ["plus"], "string_type", "must be a string"),
        ("plan", ["plus", "basic"], "string_type", "must be a string"),
        ("plan", {"name": "plus"}, "string_type", "must be a string"),
    ],
)
def test_a_cell_that_cannot_be_parsed_is_an_error_of_its_row(field, cell, rule, message):
    checked, _ = check(**{field: [VALID[field], cell]})
    assert [(e.row, e.field, e.type, e.msg) for e in checked.errors] == [(1, field, rule, message)]
    assert checked.valid.tolist() == [True, False]


def test_a_list_is_rejected_where_unlisted_levels_are_accepted():
    checked, _ = check(SCHEMA.with_unlisted(True), plan=["pro", ["plus"]])
    assert [(error.row, error.type) for error in checked.errors] == [(1, "string_type")]


def test_a_parsing_error_replaces_the_error_of_a_missing_value():
    checked, _ = check(visits=["three", ""], plan=["pro", "plus"])
    assert [(e.row, e.field, e.type) for e in checked.errors] == [
        (0, "visits", "int_parsing"),
        (0, "plan", "literal_error"),
        (1, "visits", "missing"),
    ]


NUMBER_TEXTS = st.sampled_from(
    "1 -1 1.5 .5 5. 1e3 1E+3 +1 nan NaN -nan inf -Infinity 1_0 0x10 999 999.0 9.99e2 -0 1e999 "
    "9007199254740993 abc true \u0663".split()
)


@settings(max_examples=100, deadline=None)
@given(st.lists(NUMBER_TEXTS, min_size=1, max_size=4))
def test_numbers_without_blanks_are_read_as_those_with_blanks(cells):
    written = CellFormat(frozenset({"", "999", "NaN"}), (999.0,))
    direct = read_numbers(pa.array(cells), written)
    trimmed = read_numbers(pa.array([*cells, " "]), written)
    assert (direct is None) == (trimmed is None)
    if direct is not None:
        assert np.array_equal(direct, trimmed[:-1], equal_nan=True)
