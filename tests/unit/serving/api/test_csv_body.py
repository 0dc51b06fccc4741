"""CSV without quotation marks is read by Arrow, with the same result as by Python."""

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.api import csv_body


@settings(max_examples=500)
@given(
    st.lists(
        st.sampled_from([*"a1 ,,,", "\n", "\n", "\r\n", "\r", "\t", "\0", "\v", "\u2028", "\xe4"])
    )
)
def test_arrow_reads_the_same_cells_as_python_or_none(parts):
    """The three columns begin with a header, so most texts have a row of another width."""
    body = "".join(["a,b,c\n", *parts]).encode()
    fast = csv_body._read_plain(body, ["a", "b", "c"], [0, 2], 100)
    if fast is None:
        return
    reader = csv.reader(csv_body._lines(body), strict=True)
    next(reader)
    slow = csv_body._read_columns(reader, 3, [0, 2], 100)
    assert [column.to_pylist() for column in fast] == [list(column) for column in slow]


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
    assert csv_body._read_plain(body, ["a", "b"], [0], 100) is None


def test_plain_tables_are_read_by_arrow():
    body = b"\xef\xbb\xbfa,b\r\n\r\nx,\xc3\xa4\r\n ,\r\n"
    columns = csv_body._read_plain(body, ["a", "b"], [1, 0], 100)
    assert [column.to_pylist() for column in columns] == [["\xe4", ""], ["x", " "]]
