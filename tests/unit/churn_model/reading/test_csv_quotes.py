import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_model.errors import TableError
from churn_model.tables.reading.csv_quotes import QuoteCheck


def check(data: bytes, size: int = 1 << 20, separator: str = ",") -> str:
    """Check a file in blocks of this size; returns the error, or nothing."""
    quotes = QuoteCheck("t.csv", separator)
    try:
        for start in range(0, len(data), size):
            quotes.add(data[start : start + size])
        quotes.finish()
    except TableError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "row",
    [
        b"a,b",
        b'"a","b"',
        b'"a\nb","c"',
        b'"","""","a""b"""',
        b'a,5" pipe',
        b'a"",b"c"',
        b'"a"b,c',
        b'a, "b"',
        b'"a,\r\n""b\r\n""",c',
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
def test_quotes_that_close_their_cells_are_accepted(row, size):
    assert check(b"x,y\n" + row + b"\n" + row, size) == ""


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b'x\n"a\nb\nc\n', 2),
        (b'x\n"a""\nb\n', 2),
        (b'x\na\n5" pipe,"b\nc', 3),
        (b'x\n"a\nb"\n"c,""', 4),
        (b'x\n"', 2),
        (b'x\r\n"a"\r\n"b\r\nc', 3),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
def test_a_quote_that_is_never_closed_is_reported_with_its_line(data, line, size):
    assert f"t.csv: the quote that opens in line {line} is never closed" in check(data, size)


@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
def test_a_quote_that_is_closed_by_the_start_of_a_later_cell_is_reported(size):
    data = b'x,y\na,"gone\nb,"c"\nd,e\n'
    assert "opens in line 2 is closed in the middle of a cell in line 3" in check(data, size)


def test_cells_start_after_the_separator_of_the_file():
    assert check(b'a;"b;c\n', separator=";") != ""
    assert check(b'a;"b;c\n', separator=",") == ""


@given(st.lists(st.lists(st.text('a",\n '), min_size=1), min_size=1), st.integers(1, 9))
def test_what_a_csv_writer_writes_is_accepted_in_blocks_of_any_size(table, size):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(table)
    assert check(out.getvalue().encode(), size) == ""


@given(st.text('a",\n'), st.integers(1, 9))
def test_the_size_of_the_blocks_makes_no_difference(text, size):
    assert check(text.encode(), size) == check(text.encode())
