"""CSV without quotation marks is read by Arrow, with the same result as by Python."""

import csv

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.arrow_table import check_arrow_texts
from churn_model.tables.descriptor import TableDescriptor
from serving.api import csv_body

NUMBER = Column("number", "number", required=False)
PLAIN = TableDescriptor.plain(RecordSchema("one", (NUMBER,)))
MARKED = PLAIN.model_copy(update={"missing": ["", "?", "-1", " x", "0"]})


def read(body, columns, positions, **options):
    """The columns at these positions, or None."""
    if not csv_body._can_use_arrow(body, 100):
        return None
    return csv_body._read_with_arrow(body, 1, columns, positions, **options)


@settings(max_examples=500)
@given(
    st.lists(
        st.sampled_from([*"a1 ,,,", "\n", "\n", "\r\n", "\r", "\t", "\0", "\v", "\u2028", "\xe4"])
    )
)
def test_arrow_reads_the_same_cells_as_python_or_none(parts):
    """The three columns begin with a header, so most texts have a row of another width."""
    body = "".join(["a,b,c\n", *parts]).encode()
    fast = read(body, 3, [0, 2])
    if fast is None:
        return
    reader = csv.reader(csv_body._lines(body), strict=True)
    next(reader)
    slow = csv_body._read_columns(reader, 3, [0, 2], 100)
    assert [column.to_pylist() for column in fast] == [list(column) for column in slow]


@settings(max_examples=500)
@given(
    st.lists(
        st.tuples(*[st.sampled_from(["a", "1", " ", "", "x y", "\v", "\u2028", "\xe4"])] * 3),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.none() | st.tuples(st.integers(0, 60), st.sampled_from([*"a ,", "\n", "\r", "\t", "\0"])),
)
def test_arrow_reads_the_same_rows_as_python_or_none(rows, end, ends_at_the_end, inserted):
    body = "a,b,c" + end + end.join(map(",".join, rows)) + end * ends_at_the_end
    if inserted is not None:
        body = body[: 6 + inserted[0]] + inserted[1] + body[6 + inserted[0] :]
    fast = read(body.encode(), 3, [0, 2])
    if fast is None:
        return
    reader = csv.reader(csv_body._lines(body.encode()), strict=True)
    next(reader)
    slow = csv_body._read_columns(reader, 3, [0, 2], 100)
    assert [column.to_pylist() for column in fast] == [list(column) for column in slow]


CELLS = [
    *("", " ", "NA", " NA", "?", "x", " x", "1", "-1", " 1", "1 ", "\t1", "\v1", "\xa01", "+1"),
    *("1.0", ".5", "5.", "-0", "-0.0", "-1.0", "1e5", "1E5", "1e999", "-1e999", "1e-999", "1_0"),
    *("nan", "NaN", "inf", "-Infinity", "0x1", "1d", "1f", "true", "null", "NULL", "1,", "\u0661"),
    *("0.1", "123456789012345678901234567890", "9007199254740993", "2.2250738585072011e-308"),
]


@settings(max_examples=1000)
@given(
    st.lists(st.sampled_from(["", "NA", "1", "-1.0", "1e5", ".5"]) | st.floats().map(str)),
    st.lists(st.sampled_from(CELLS) | st.text("-+.0189eEnaif ", max_size=8), max_size=1),
    st.sampled_from([PLAIN, MARKED]),
)
def test_arrow_parses_the_same_numbers_as_the_reader_of_strings_or_none(usual, awkward, descriptor):
    cells = usual + awkward
    body = "\n".join(["id,number", *(f"C,{cell}" for cell in cells)]).encode()
    found = read(body, 2, [0, 1], numbers=[1], missing=descriptor.missing)
    if found is None:
        return
    texts = pa.array(cells, pa.string())
    schema = RecordSchema("one", (NUMBER,))
    fast = check_arrow_texts({"number": found[1]}, schema, descriptor)
    slow = check_arrow_texts({"number": texts}, schema, descriptor)
    assert fast.valid.tolist() == slow.valid.tolist()
    assert list(fast.errors) == list(slow.errors)
    assert fast.values["number"].tobytes() == slow.values["number"].tobytes()


def test_the_usual_numbers_are_parsed_by_arrow():
    body = b"id,number\nC1,1.5\nC2, 2\nC3,\nC4,NA\nC5,nan\n"
    ids, numbers = read(body, 2, [0, 1], numbers=[1], missing=PLAIN.missing)
    assert ids.to_pylist() == ["C1", "C2", "C3", "C4", "C5"]
    np.testing.assert_array_equal(
        numbers.to_numpy(zero_copy_only=False), [1.5, 2.0, np.nan, np.nan, np.nan]
    )
    assert read(body + b"C6,x\n", 2, [0, 1], numbers=[1], missing=PLAIN.missing) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ["number"]),
        ({"formats": {"number": "1,234.50"}}, []),
        ({"missing_in": {"number": ["-1"]}}, []),
        ({"csv": {"decimal": ","}}, []),
    ],
    ids=["plain", "format", "missing", "decimal"],
)
def test_numbers_that_are_written_in_another_way_are_read_as_strings(change, expected):
    document = PLAIN.model_dump() | change
    descriptor = TableDescriptor.model_validate(document)
    assert csv_body._numbers(RecordSchema("one", (NUMBER,)), descriptor) == expected


@pytest.mark.parametrize(
    "body",
    [
        b'a,b\n"1",2\n',
        b"a,b\n1\n",
        b"a,b\n1,2,3\n",
        b"a,b\n\xff,2\n",
        b"a,b\n1,\xff\n",
        b"a,b\r1,2\r",
        b"a,b\n" + b"1,2\n" * 101,
        b"a,b\n" + b"1" * csv.field_size_limit() + b",2\n",
    ],
    ids=range(8),
)
def test_what_may_be_invalid_is_left_to_pythons_reader(body):
    assert read(body, 2, [0]) is None


def test_plain_tables_are_read_by_arrow():
    body = b"\xef\xbb\xbfa,b\r\n\r\nx,\xc3\xa4\r\n ,\r\n"
    columns = read(body, 2, [1, 0])
    assert [column.to_pylist() for column in columns] == [["\xe4", ""], ["x", " "]]


def test_an_optional_number_need_not_be_a_column():
    schema = RecordSchema("one", (Column("id", "identifier"), NUMBER))
    checked = csv_body.read_csv(b"id\nC1\n", schema, 10)
    assert checked.valid.tolist() == [True]
    assert np.isnan(checked.values["number"]).all()
