"""Arrow columns are parsed and checked as the same columns of pandas."""

from datetime import date, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.arrow_table import check_arrow, check_arrow_texts
from churn_model.tables.cell_format import CellFormat
from churn_model.tables.descriptor import TableDescriptor
from churn_model.tables.texts import check_texts
from churn_model.tables.typed import to_series

COLUMNS = (
    Column("id", "identifier", required=False),
    Column("integer", "integer", minimum=-5, maximum=2**53),
    Column("number", "number", required=False, minimum=-2),
    Column("level", "category", levels=("a", "b", "NA")),
    Column("open", "category", required=False, levels=("a", "b"), allows_unlisted=True),
    Column("flag", "boolean", required=False),
    Column("day", "date", required=False),
)
SCHEMA = RecordSchema("test", COLUMNS)
PLAIN = TableDescriptor.plain(SCHEMA)
DESCRIPTORS = [
    PLAIN,
    PLAIN.model_copy(
        update={
            "missing": ["", "?", "a"],
            "missing_in": {"integer": ["-1"], "number": ["-1.5"], "day": ["1900-01-01"]},
        }
    ),
    PLAIN.model_copy(update={"formats": {"number": "1,234.50", "day": "DD/MM/YYYY"}}),
]
TEXTS = st.sampled_from(
    [
        *("", " ", "a", " a ", "b", "A", "NA", "?", "x", "yes", "NO", "true"),
        *("1", "-1", " 1", "1.0", "1.5", "-1.5", "1,000", "1e5", "1e999", "nan", "inf"),
        *("2026-01-31", "31/01/2026", "1900-01-01", "9007199254740993", "1_0"),
        *("\u0661", "\ufffd", "\u00a0a", "\x1c"),
    ]
)
NUMBERS = [0, 1, -1, 2, 2**53 + 1]
TYPED = [
    (pa.int64(), st.sampled_from(NUMBERS)),
    (pa.int32(), st.integers(-3, 3)),
    (pa.uint8(), st.integers(0, 3)),
    (pa.float64(), st.sampled_from([0.0, -0.0, 1.5, -1.5, -1.0, float("nan"), float("inf")])),
    (pa.float32(), st.sampled_from([0.0, 1.5, -1.5])),
    (pa.bool_(), st.booleans()),
    (pa.date32(), st.sampled_from([date(2026, 1, 31), date(1900, 1, 1)])),
    (pa.timestamp("us"), st.sampled_from([datetime(2026, 1, 31), datetime(2026, 1, 31, 1)])),
    (pa.timestamp("us", tz="UTC"), st.just(datetime(2026, 1, 31))),
    (pa.string(), TEXTS),
    (pa.large_string(), TEXTS),
    (pa.null(), st.none()),
]


@st.composite
def texts_of_tables(draw):
    n = draw(st.integers(0, 5))
    names = draw(st.lists(st.sampled_from([c.name for c in COLUMNS]), min_size=1, unique=True))
    cells = st.lists(TEXTS, min_size=n, max_size=n)
    return {name: pa.array(draw(cells), pa.string()) for name in names}


@st.composite
def typed_tables(draw):
    n = draw(st.integers(0, 5))
    names = draw(st.lists(st.sampled_from([c.name for c in COLUMNS]), min_size=1, unique=True))

    def array():
        kind, cells = draw(st.sampled_from(TYPED))
        if draw(st.booleans()):
            cells = st.none() | cells
        return pa.array(draw(st.lists(cells, min_size=n, max_size=n)), kind)

    return {name: array() for name in names}


def same(found, expected):
    assert found.n == expected.n
    assert list(found.errors) == list(expected.errors)
    assert found.valid.tolist() == expected.valid.tolist()
    rows = np.flatnonzero(expected.valid)
    assert found.values.keys() == expected.values.keys()
    for name, values in expected.values.items():
        np.testing.assert_array_equal(found.values[name][rows], np.asarray(values)[rows])
        signs = np.signbit(np.asarray(values, np.float64)[rows])
        assert (np.signbit(np.asarray(found.values[name], np.float64)[rows]) == signs).all()
    for part in ("identifiers", "texts"):
        ours, theirs = getattr(found, part), getattr(expected, part)
        assert ours.keys() == theirs.keys()
        for name, cells in theirs.items():
            assert _strings(ours[name], rows) == _strings(cells, rows)


def _strings(cells, rows):
    """The cells of these rows, with None for all that pandas takes as missing."""
    listed = list(cells)
    return [None if pd.isna(listed[row]) else listed[row] for row in rows]


@settings(max_examples=500)
@given(texts_of_tables(), st.sampled_from(DESCRIPTORS))
def test_texts_are_parsed_as_pandas_columns(table, descriptor):
    columns = {
        name: pd.Series(pd.array(array, dtype=pd.StringDtype("pyarrow")))
        for name, array in table.items()
    }
    expected, _ = check_texts(columns, SCHEMA, descriptor)
    same(check_arrow_texts(table, SCHEMA, descriptor), expected)


LARGE = pa.array([2**53 + 1, None, -1, 3])


@settings(max_examples=500)
@given(typed_tables(), st.sampled_from(DESCRIPTORS))
@example({"integer": LARGE}, DESCRIPTORS[1])
@example({"integer": pa.array([2**64 - 1, None, 1], pa.uint64())}, DESCRIPTORS[1])
@example({"number": LARGE}, DESCRIPTORS[1])
def test_typed_columns_are_checked_as_pandas_columns(table, descriptor):
    columns = {name: to_series(array) for name, array in table.items()}
    texts = {
        column.name: columns[column.name].astype(pd.StringDtype("pyarrow"))
        for column in COLUMNS
        if column.name in columns
        and table[column.name].type in (pa.string(), pa.large_string())
        and CellFormat.of(column, descriptor).is_formatted
    }
    typed = {name: series for name, series in columns.items() if name not in texts}
    expected, _ = check_texts(texts, SCHEMA, descriptor, typed)
    same(check_arrow(table, SCHEMA, descriptor), expected)


def test_a_large_integer_beside_a_missing_one_is_valid():
    checked = check_arrow({"number": LARGE}, RecordSchema("one", COLUMNS[2:3]), DESCRIPTORS[1])
    assert checked.values["number"][0] == 2**53
    assert np.isnan(checked.values["number"][1])
