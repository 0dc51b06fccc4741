"""Numbers and dates as tables write them, and the values that mean missing."""

import datetime
import math

import pandas as pd
import pytest

from churn_model.errors import InvalidToml, TableError
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.date_format import DATE_FORMATS
from churn_model.tables.descriptor import TableDescriptor, load_descriptor
from churn_model.tables.number_format import NUMBER_FORMATS
from churn_model.tables.texts import check_texts

SCHEMA = RecordSchema(
    "Customer",
    (
        Column("key", "identifier"),
        Column("price", "number", required=False),
        Column("signed", "date", required=False),
        Column("plan", "category", required=False, levels=("basic", "None"), allows_unlisted=True),
    ),
)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("1234.50", "$70.35", 70.35),
        ("1234.50", "-$70.35", -70.35),
        ("1234.50", "$-70.35", -70.35),
        ("1234.50", "70.35 EUR", 70.35),
        ("1,234.50", "1,234.50", 1234.5),
        ("1,234.50", "1,234,567", 1234567),
        ("1,234.50", "1234.50", 1234.5),
        ("1.234,50", "1.234,50", 1234.5),
        ("1.234,50", "1.234", 1234),
        ("1.234,50", "950", 950),
        ("1 234,50", "1\u202f234,50 €", 1234.5),
        ("1'234.50", "CHF 1'234.50", 1234.5),
        ("1234.50 %", "12 %", 12),
        ("1234.50 %", "12.5%", 12.5),
        ("1234,50 %", "12,5 %", 12.5),
    ],
)
def test_a_number_is_read_as_its_column_writes_it(name, text, expected):
    assert NUMBER_FORMATS[name].parse(text) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("1,234.50", "12,34.50"),
        ("1,234.50", "1.234,50"),
        ("1.234,50", "70.35"),
        ("1.234,50", "1.2345"),
        ("1234.50 %", "0.12"),
        ("1234.50", "12 %"),
        ("1234.50", "1_000"),
        ("1234.50", "12$50"),
        ("1234.50", "$"),
        ("1234.50", "inf"),
    ],
)
def test_a_number_of_another_format_is_rejected(name, text):
    with pytest.raises(ValueError, match="is not a number such as"):
        NUMBER_FORMATS[name].parse(text)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("DD/MM/YYYY", "31/12/2025", "2025-12-31"),
        ("DD/MM/YYYY", "1/2/2025", "2025-02-01"),
        ("MM/DD/YYYY", "1/2/2025", "2025-01-02"),
        ("DD.MM.YYYY", "31.12.2025", "2025-12-31"),
        ("YYYYMMDD", "20251231", "2025-12-31"),
        ("DD/MM/YYYY hh:mm", "31/12/2025 23:59", "2025-12-31"),
        ("MM/DD/YYYY hh:mm", "12/31/2025 11:30:05 PM", "2025-12-31"),
        ("YYYY-MM-DD hh:mm", "2025-12-31T23:59:01.5Z", "2025-12-31"),
        ("YYYY-MM-DD hh:mm", "2025-12-31 23:30:00-02:00", "2026-01-01"),
        ("YYYY-MM-DD hh:mm", "2025-12-31", "2025-12-31"),
    ],
)
def test_a_date_is_read_as_its_column_writes_it(name, text, expected):
    assert DATE_FORMATS[name].parse(text).isoformat() == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DD/MM/YYYY", "12/31/2025"),
        ("DD/MM/YYYY", "31-12-2025"),
        ("DD/MM/YYYY", "31/12/25"),
        ("DD/MM/YYYY", "31/12/2025 10:00"),
        ("YYYYMMDD", "2025131"),
        ("YYYY-MM-DD hh:mm", "2025-12-31 25:00"),
    ],
)
def test_a_date_of_another_format_is_rejected(name, text):
    with pytest.raises(ValueError, match=r"."):
        DATE_FORMATS[name].parse(text)


def read(columns, **settings):
    descriptor = TableDescriptor(columns={c.name: c.name for c in SCHEMA}, **settings)
    n = len(next(iter(columns.values())))
    cells = {"key": ["K"] * n} | columns
    series = {
        name: pd.Series(values, dtype="str" if isinstance(values[0], str) else None)
        for name, values in cells.items()
    }
    return check_texts(series, SCHEMA, descriptor)


def test_a_mark_means_missing_in_its_own_column_only():
    columns = {"price": ["None", "5"], "plan": ["None", "basic"]}
    checked, frame = read(columns, missing_in={"price": ["None"]})
    assert not checked.errors
    assert math.isnan(frame["price"][0])
    assert frame["plan"].tolist() == ["None", "basic"]


@pytest.mark.parametrize(
    "cells", [["-999", "-999.0", " -999.00 ", "5"], ["-999", "$-999.00", "-$999", "$5"]]
)
def test_a_number_that_means_missing_matches_by_value_in_text(cells):
    formats = {"price": "1,234.50"} if "$5" in cells else {}
    checked, frame = read({"price": cells}, missing_in={"price": ["-999"]}, formats=formats)
    assert not checked.errors
    assert frame["price"].isna().tolist() == [True, True, True, False]


@pytest.mark.parametrize("dtype", ["int64", "float64", "Int64", "int64[pyarrow]"])
def test_a_number_that_means_missing_matches_by_value_in_typed_columns(dtype):
    typed = {"price": pd.Series([-999, 2**53 + 1 if "64" in dtype else 5], dtype=dtype)}
    descriptor = TableDescriptor(columns={"price": "price"}, missing_in={"price": ["-999.0"]})
    schema = RecordSchema("Customer", (Column("price", "number", required=False),))
    checked, _ = check_texts({}, schema, descriptor, typed)
    assert not checked.errors
    assert pd.isna(checked.values["price"]).tolist() == [True, False]


@pytest.mark.parametrize("unit", ["datetime64[ns]", "datetime64[us]", "date32[pyarrow]"])
def test_a_date_that_means_missing_matches_in_text_and_in_typed_columns(unit):
    settings = {"missing_in": {"signed": ["1900-01-01"]}, "formats": {"signed": "DD/MM/YYYY"}}
    _, frame = read({"signed": ["01/01/1900", "1900-01-01", "31/12/2025"]}, **settings)
    assert frame["signed"].tolist() == [None, None, datetime.date(2025, 12, 31)]
    days = pd.Series(pd.to_datetime(["1900-01-01", "2025-12-31"])).astype(unit)
    descriptor = TableDescriptor(columns={"signed": "signed"}, **settings)
    schema = RecordSchema("Customer", (Column("signed", "date", required=False),))
    checked, _ = check_texts({}, schema, descriptor, {"signed": days})
    assert not checked.errors
    assert pd.isna(checked.values["signed"]).tolist() == [True, False]


def test_an_unparsed_cell_is_reported_with_the_columns_format():
    formats = {"price": "1.234,50", "signed": "DD/MM/YYYY"}
    checked, _ = read({"price": ["12.5"], "signed": ["12/31/2025"]}, formats=formats)
    messages = [error.msg for error in checked.errors]
    assert messages == ["is not a number such as 1.234,50", "is not a date such as DD/MM/YYYY"]


def test_a_descriptor_without_the_new_settings_is_valid(tmp_path):
    (tmp_path / "d.toml").write_text('missing = ["None"]\n[columns]\nkey = "Id"\n')
    descriptor = load_descriptor(tmp_path / "d.toml", TableDescriptor, SCHEMA)
    assert (descriptor.missing, descriptor.missing_in, descriptor.formats) == (["None"], {}, {})


def test_values_that_mean_missing_may_be_numbers_and_dates_in_toml(tmp_path):
    text = "[columns]\nkey = 'Id'\n[missing_in]\nprice = [-999, 'x']\nsigned = [1900-01-01]\n"
    (tmp_path / "d.toml").write_text(text)
    descriptor = load_descriptor(tmp_path / "d.toml", TableDescriptor, SCHEMA)
    assert descriptor.missing_in == {"price": ["-999", "x"], "signed": ["1900-01-01"]}


@pytest.mark.parametrize(
    ("text", "error", "complaint"),
    [
        (
            "[formats]\nprice = '12-5'\n",
            InvalidToml,
            "formats.price: '12-5' is not a format; write",
        ),
        ("[formats]\nprize = '1234.50'\n", TableError, r"\[formats\] 'prize' .* mean 'price'"),
        ("[missing_in]\nprize = ['x']\n", TableError, r"\[missing_in\] 'prize' .* mean 'price'"),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path, text, error, complaint):
    (tmp_path / "d.toml").write_text("[columns]\nkey = 'Id'\n" + text)
    with pytest.raises(error, match=complaint) as raised:
        load_descriptor(tmp_path / "d.toml", TableDescriptor, SCHEMA)
    assert "\n" not in str(raised.value)


def test_a_descriptor_takes_what_it_does_not_say_from_another():
    trained = TableDescriptor(
        columns={}, missing=["x"], missing_in={"price": ["-1"]}, formats={"price": "1.234,50"}
    )
    given = TableDescriptor(columns={}, missing_in={"signed": ["-"]}).with_cells_of(trained)
    assert given.missing == ["x"]
    assert given.missing_in == {"price": ["-1"], "signed": ["-"]}
    assert given.formats == {"price": "1.234,50"}
    assert TableDescriptor(columns={}, missing=["y"]).with_cells_of(trained).missing == ["y"]
