"""How the numbers and dates of a column are written is found out, or asked about."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn_model.errors import TableError, TrainingError
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.csv_format import detect_csv_format
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.files import read_file
from churn_model.tables.formats import read_dates, read_numbers, to_distinct
from churn_model.tables.observations import read_days
from training.data.cell_options import CellOptions
from training.data.dataset import Dataset, Target
from training.data.found_cells import find_cells
from training.data.missing_cells import missing_cells

COMMAS = CsvFormat()
SEMICOLONS = CsvFormat(separator=";")
GERMAN = CsvFormat(separator=";", decimal=",")


def texts(*cells):
    return pd.Series(cells, dtype="str")


def numbers(csv, *cells):
    reading = read_numbers(to_distinct(texts(*cells)), csv)
    return reading.format, reading.others


@pytest.mark.parametrize(
    ("csv", "cells", "expected"),
    [
        (COMMAS, ("12.5", "950"), ""),
        (COMMAS, ("1.234", "950"), ""),
        (COMMAS, ("1,234", "950"), "1,234.50"),
        (COMMAS, ("12,5", "950"), "1234,50"),
        (COMMAS, ("$70.35", "$8"), "1234.50"),
        (COMMAS, ("12 %", "7 %"), "1234.50 %"),
        (COMMAS, ("$5", "None", "?"), "1234.50"),
        (SEMICOLONS, ("0.234", "950"), ""),
        (SEMICOLONS, ("1.234.567", "950"), "1.234,50"),
        (SEMICOLONS, ("1.234,50", "950"), "1.234,50"),
        (SEMICOLONS, ("1,234.50", "1,950"), "1,234.50"),
        (GERMAN, ("1.234", "950"), "1.234,50"),
        (GERMAN, ("12,5", "950"), ""),
        (CsvFormat(separator=";", decimal="."), ("1.234", "950"), ""),
    ],
)
def test_the_format_of_numbers_follows_from_file_and_cells(csv, cells, expected):
    assert numbers(csv, *cells) == (expected, ())


@pytest.mark.parametrize(
    ("cells", "first", "other"),
    [(("1.234", "950"), "", "1.234,50"), (("1,234", "950"), "1,234.50", "1234,50")],
)
def test_numbers_that_may_have_decimals_or_thousands_are_asked_about(cells, first, other):
    assert numbers(SEMICOLONS, *cells) == (first, (other,))
    reading = read_numbers(to_distinct(texts(*cells)), SEMICOLONS)
    question = f"pass --format 'x={first or '1234.50'}' or --format x={other}"
    assert reading.question("x").replace("'", "").endswith(question.replace("'", ""))


def test_the_decimal_mark_of_a_file_needs_evidence(tmp_path):
    (tmp_path / "t.csv").write_text("a;b\n1.234;950\n2.500;x\n")
    assert "decimal" not in detect_csv_format(tmp_path / "t.csv").model_fields_set
    (tmp_path / "t.csv").write_text("a;b\n1.234;9,5\n2.500;x\n")
    assert detect_csv_format(tmp_path / "t.csv").decimal == ","


@pytest.mark.parametrize(
    ("cells", "format_name", "others"),
    [
        (("31/12/2025", "01/02/2025"), "DD/MM/YYYY", ()),
        (("12/31/2025", "01/02/2025"), "MM/DD/YYYY", ()),
        (("01/02/2025", "03/04/2025"), "DD/MM/YYYY", ("MM/DD/YYYY",)),
        (("01/01/2025", "03/03/2025"), "DD/MM/YYYY", ()),
        (("01.02.2025", "03.04.2025"), "DD.MM.YYYY", ()),
        (("2025-12-31", "2025-01-02"), "", ()),
        (("2025-12-31", "2025-01-02 10:00:00"), "YYYY-MM-DD hh:mm", ()),
        (("31/12/2025 10:00", "01/02/2025 11:00"), "DD/MM/YYYY hh:mm", ()),
        (("20251231", "20250102"), "YYYYMMDD", ()),
    ],
)
def test_the_order_of_day_and_month_is_found_out_or_asked_about(cells, format_name, others):
    reading = read_dates(to_distinct(texts(*cells)))
    assert (reading.readable, reading.format, reading.others) == (1, format_name, others)


def test_observation_dates_are_read_in_other_formats():
    days, errors = read_days(texts("31/12/2025", " 01/02/2025 ", "soon"), "--as-of")
    assert days.astype(str).tolist() == ["2025-12-31", "2025-02-01", "NaT"]
    assert [error.row for error in errors] == [2]
    days, errors = read_days(texts("01/02/2025"), "--as-of", "MM/DD/YYYY")
    assert (days.astype(str).tolist(), errors) == (["2025-01-02"], [])
    cells = texts("01/02/2025", "03/04/2025").rename("seen")
    with pytest.raises(TableError, match=r"--as-of seen: can be read in .* seen=DD/MM/YYYY or"):
        read_days(cells, "--as-of")


def test_few_words_among_numbers_mean_missing_and_are_counted():
    cells = to_distinct(texts(*["5"] * 96, "abc", "abc", "#DIV/0!", "30 or so", "?"))
    reading = read_numbers(cells, COMMAS)
    found = missing_cells(cells, np.isfinite(reading.values), "numbers")
    assert found.marks == {"abc", "#DIV/0!", "?"}
    assert found.usual_marks == {"?"}
    assert found.note == "3 cells are not numbers, such as 'abc'; they count as missing"


SCHEMA = RecordSchema(
    "Customer",
    (
        Column("age", "integer"),
        Column("gb", "number", required=False),
        Column("signed", "date"),
        Column("offer", "category", levels=("None", "A")),
    ),
)
COLUMNS = {"age": "Age", "gb": "GB", "signed": "Signed", "offer": "Offer"}


def written(**changes):
    cells = {"Age": ["40", "50"], "GB": ["1,5", "None"], "Signed": ["31/12/2025", "01/02/2025"]}
    return pd.DataFrame({**cells, "Offer": ["None", "A"], **changes}, dtype="str")


def test_the_cells_of_declared_fields_are_found_out_per_column():
    found = find_cells(written(), COLUMNS, SCHEMA, COMMAS, CellOptions())
    assert found.formats == {"signed": "DD/MM/YYYY", "gb": "1234,50"}
    assert found.missing_in == {"gb": ["None"]}


def test_words_mean_missing_in_optional_fields_only():
    raw = pd.concat([written(GB=["1", "2"])] * 50, ignore_index=True)
    raw.loc[0, ["Age", "GB"]] = "abc"
    found = find_cells(raw, COLUMNS, SCHEMA, COMMAS, CellOptions())
    assert found.missing_in == {"gb": ["abc"]}
    assert found.notes == ("GB: 1 cell is not a number ('abc'); it counts as missing",)


def test_an_ambiguous_column_of_a_declared_field_is_asked_about():
    raw = written(Signed=["01/02/2025", "03/04/2025"])
    with pytest.raises(TableError, match=r"column 'Signed' .*pass --format Signed=DD/MM/YYYY or"):
        find_cells(raw, COLUMNS, SCHEMA, COMMAS, CellOptions())
    options = CellOptions.parse([], ["Signed=mm/dd/yyyy"])
    assert find_cells(raw, COLUMNS, SCHEMA, COMMAS, options).formats["signed"] == "MM/DD/YYYY"


def test_flags_are_added_to_a_descriptor():
    target = Target(column="t", churned=["1"], kept=["0"])
    dataset = Dataset(name="d", columns=COLUMNS, missing_in={"gb": ["x"]}, target=target)
    options = CellOptions.parse(["GB=-999", "GB=-1", "Age = 0 "], ["GB=1.234,50"])
    added = options.added_to(dataset)
    assert added.missing_in == {"gb": ["x", "-999", "-1"], "age": ["0"]}
    assert added.formats == {"gb": "1.234,50"}


@pytest.mark.parametrize(
    ("missing", "formats", "complaint"),
    [
        (["Age"], [], "--missing 'Age': must be COLUMN=VALUE"),
        (["=5"], [], "--missing '=5': must be COLUMN=VALUE"),
        ([], ["Age=plain"], "--format Age: 'plain' is not a format; write the number 1234.50"),
        ([], ["Age"], "--format 'Age': must be COLUMN=FORMAT, for example"),
    ],
)
def test_a_wrong_flag_is_one_line(missing, formats, complaint):
    with pytest.raises(TrainingError) as raised:
        CellOptions.parse(missing, formats)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_with_formatted_cells_is_read_unchanged(tmp_path):
    (tmp_path / "t.csv").write_text('a;b\n"1.234,50";x\n')
    csv = detect_csv_format(tmp_path / "t.csv")
    assert read_file(tmp_path / "t.csv", csv)["a"].tolist() == ["1.234,50"]
