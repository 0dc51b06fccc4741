"""Values that stand for missing ones, and cells that are written in several ways."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from churn_model.errors import TableError
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.reading.row_checker import RowChecker
from tests.unit.training.schema_inference.test_proposal import NAMED, ROWS, base, drawn, proposed
from training.data.cell_options import CellOptions
from training.data.table_reader import check_table


def spike(values, sentinel, share=0.1):
    cells = np.array(values, dtype=object)
    cells[np.random.default_rng(2).random(len(cells)) < share] = sentinel
    return cells


AMOUNTS = [str(200 + i % 300) for i in range(ROWS)]
DAYS = pd.date_range("2020-01-01", periods=ROWS).strftime("%d/%m/%Y").tolist()


@pytest.mark.parametrize(
    ("values", "sentinel", "flag"),
    [
        (AMOUNTS, "-999", "--missing x=-999"),
        (AMOUNTS, "-1", "--missing x=-1"),
        (AMOUNTS, "-999.0", "--missing x=-999"),
        (AMOUNTS, "9999999", "--missing x=9999999"),
        (AMOUNTS, "0", "--missing x=0"),
        ([f"${text}.50" for text in AMOUNTS], "-$999.00", "--missing x=-999"),
        (DAYS, "01/01/1900", "--missing x=1900-01-01"),
    ],
)
def test_a_sentinel_is_pointed_out_with_the_flag_that_makes_it_missing(values, sentinel, flag):
    table = base().assign(x=spike(values, sentinel))
    found = proposed(table)
    (remark,) = [each for each in found.remarks if each.startswith("x: ")]
    assert remark.endswith(f"means missing, add {flag}")
    given = CellOptions.parse([flag.split()[1]], [])
    named = replace(NAMED, cells=given)
    repeated = proposed(table, named)
    assert not [each for each in repeated.remarks if each.startswith("x: ")]
    kinds = {column.name: column for column in repeated.schema}
    assert not kinds["x"].required
    assert kinds["x"].minimum == (None if values is DAYS else 0)
    checked = check_table(
        table, "t.csv", repeated.dataset, repeated.schema, 0.0, observation=NAMED.observation
    )
    assert checked.customers["x"].isna().sum() == (table["x"] == sentinel).sum()


@pytest.mark.parametrize(
    "values",
    [
        drawn(["-1", "0", "1"]),
        np.array([str(i - 300) for i in range(ROWS)]),
        spike([*map(str, range(600, 1200))], "999"),
        spike(AMOUNTS, "-999", share=0.002),
    ],
)
def test_ordinary_numbers_are_not_taken_for_sentinels(values):
    assert "means missing" not in "\n".join(proposed(base().assign(x=values)).remarks)


def test_the_summary_says_how_cells_are_written():
    table = base().assign(signed=DAYS, x=drawn(["$1", "$2", "None"]))
    summary = proposed(table).summary()
    assert "date such as 2026-01-31; written as DD/MM/YYYY" in summary
    assert "number, 0 or more; may be missing; written as 1234.50; missing if 'None'" in summary


def test_words_in_three_numerical_columns_do_not_stop_the_run():
    table = base()
    for i, name in enumerate(("x", "y", "z")):
        table[name] = drawn([*["1", "2", "3"] * 10, "abc"], seed=i)
    found = proposed(table)
    for name in ("x", "y", "z"):
        count = (table[name] == "abc").sum()
        assert f"{name}: {count} cells are not numbers, such as 'abc'; they count as missing" in (
            found.remarks
        )
    assert found.dataset.missing_in == {name: ["abc"] for name in ("x", "y", "z")}
    checked = check_table(table, "t.csv", found.dataset, found.schema, 0.0)
    assert checked.customers["x"].isna().sum() == (table["x"] == "abc").sum()


def test_a_category_of_words_and_one_date_stays_a_category():
    table = base().assign(x=drawn([*["a", "b"] * 20, "2024-01-01"]))
    assert {c.name: c.kind for c in proposed(table).schema}["x"] == "category"


def test_ambiguous_columns_are_left_out_with_the_flags_to_choose_by():
    table = base().assign(x=drawn(["1.234", "950", "12"]), Price="7").assign(y=drawn(["a", "b"]))
    found = proposed(table, csv=CsvFormat(separator=";"))
    assert found.left_out["x"] == (
        "can be read in several ways; pass --format x=1234.50 or --format x=1.234,50"
    )
    for name, largest in (("1234.50", 950), ("1.234,50", 1234)):
        named = replace(NAMED, cells=CellOptions.parse([], [f"x={name}"]))
        found = proposed(table, named, CsvFormat(separator=";"))
        checked = check_table(table, "t.csv", found.dataset, found.schema, 0.0)
        assert checked.customers["x"].max() == largest


def test_a_format_that_does_not_fit_is_a_reason_to_leave_the_column_out():
    named = replace(NAMED, cells=CellOptions.parse([], ["Price=DD/MM/YYYY"]))
    reason = proposed(base(), named).left_out["Price"]
    assert reason == "has the format DD/MM/YYYY (--format) in only 0% of its cells"


def test_flags_for_columns_that_do_not_exist_are_errors():
    named = replace(NAMED, cells=CellOptions.parse(["Prize=0"], []))
    with pytest.raises(TableError, match=r"no column 'Prize' \(--missing\). Did you mean 'Price'"):
        proposed(base(), named)


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_timestamps_of_typed_columns_count_by_their_day_in_training_and_scoring(zone):
    times = pd.Series(pd.date_range("2024-01-01 03:00", periods=ROWS, freq="7h", tz=zone))
    table = base().astype({"Months": int, "Price": float}).assign(seen=times)
    found = proposed(table)
    checked = check_table(
        table, "t.parquet", found.dataset, found.schema, 0.0, observation=NAMED.observation
    )
    days = (pd.Timestamp("2026-01-31") - times.dt.tz_localize(None).dt.normalize()).dt.days
    assert checked.customers["seen"].tolist() == days.tolist()
    rows = RowChecker(found.schema, found.dataset, "typed", "t")
    typed = {name: pa.array(table[name].tolist()) for name in ("Id", "Months", "Price", "seen")}
    scored = rows(pa.RecordBatch.from_pydict(typed))
    assert scored.error.null_count == ROWS
    assert scored.checked.values["seen"][0] == (date(2024, 1, 1) - date(1970, 1, 1)).days


def test_a_timestamp_after_the_observation_is_left_out():
    times = pd.date_range("2027-01-01 03:00", periods=ROWS, freq="h")
    for cells in (times, times.strftime("%Y-%m-%d %H:%M")):
        left_out = proposed(base().assign(ended=pd.Series(cells))).left_out
        assert "dates after the observation date" in left_out["ended"]


def test_a_date_that_stands_for_missing_is_not_from_the_future():
    table = base().assign(ended=spike(DAYS, "31/12/9999"))
    assert "dates after the observation date" in proposed(table).left_out["ended"]
    named = replace(NAMED, cells=CellOptions.parse(["ended=9999-12-31"], []))
    assert "ended" not in proposed(table, named).left_out
