"""A new version continues the champion's schema, widened where the table requires it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from churn_model.schema import RecordSchema
from churn_model.schema.column import INT64_MAX, INT64_MIN, Column
from churn_model.schema.compatibility import incompatibilities
from churn_model.tables.descriptor import CsvFormat, TableDescriptor
from tests.unit.training.schema_inference.test_proposal import NAMED, ROWS, base, drawn
from training.data.cell_options import CellOptions
from training.data.table_reader import check_table
from training.schema_inference.inheritance import EarlierModel
from training.schema_inference.named_columns import NamedColumns
from training.schema_inference.proposal import propose


def earlier(*columns, **settings):
    schema = RecordSchema(
        "Customer", (Column("Id", "identifier"), Column("Months", "integer", minimum=0), *columns)
    )
    return EarlierModel("version 3", schema, TableDescriptor(columns={}, **settings))


def continued(model, named=NAMED, **cells):
    table = base().assign(**cells)
    found = propose(table, CsvFormat(), "table", named, model)
    check_table(table, "t.csv", found.dataset, found.schema, 0.0, observation=NAMED.observation)
    return found, {column.name: column for column in found.schema}


@pytest.mark.parametrize(
    ("before", "values"),
    [
        (Column("x", "number", required=False), drawn(["1", "2", "3"])),
        (Column("x", "number", minimum=None), drawn(["1", "2", "3"])),
        (Column("x", "number", minimum=0, maximum=10), drawn(["1", "2", "3"])),
        (Column("x", "integer", minimum=INT64_MIN, maximum=INT64_MAX), drawn(["1", "2"])),
        (
            Column("x", "category", False, levels=("a", "b", "c"), allows_unlisted=True),
            drawn(["a", "b"]),
        ),
        (Column("x", "category", levels=("1", "2", "3")), drawn(["1", "2"])),
        (Column("x", "boolean"), drawn(["Yes", "No"])),
        (Column("x", "boolean"), drawn(["0", "1"])),
        (Column("x", "date", required=False), drawn(["2024-01-31", "2025-01-31"])),
        (Column("x", "number", monotone="increasing", role="monthly_revenue"), drawn(["1", "2"])),
    ],
)
def test_a_column_that_is_compatible_stays_as_it_was(before, values):
    found, columns = continued(earlier(before), x=values)
    assert columns["x"] == before
    assert "widened" not in found.inherited


@pytest.mark.parametrize(
    ("before", "values", "after", "why"),
    [
        (
            Column("x", "integer", minimum=0, maximum=INT64_MAX),
            drawn(["1", "2", ""]),
            Column("x", "integer", required=False, minimum=0, maximum=INT64_MAX),
            "x (may be missing)",
        ),
        (
            Column("x", "integer", minimum=0, maximum=5),
            drawn(["1", "-2", "9"]),
            Column("x", "integer", minimum=INT64_MIN, maximum=INT64_MAX),
            "x (smaller values, larger values)",
        ),
        (
            Column("x", "number", minimum=18, exclusive_maximum=90.0),
            drawn(["1", "2.5", "90"]),
            Column("x", "number", minimum=0),
            "x (smaller values, larger values)",
        ),
        (
            Column("x", "category", levels=("a", "b")),
            drawn(["a", "c", "d", ""]),
            Column("x", "category", required=False, levels=("a", "b", "c", "d")),
            "x (may be missing, new levels 'c', 'd')",
        ),
        (
            Column("x", "category", levels=("a", "b")),
            [*["a", "b"] * 299, "rare", "a"],
            Column("x", "category", levels=("a", "b"), allows_unlisted=True),
            "x (other levels)",
        ),
    ],
)
def test_a_column_is_widened_where_the_table_requires_it(before, values, after, why):
    model = earlier(before)
    found, columns = continued(model, x=values)
    assert columns["x"] == after
    assert f"widened: {why}; new: Price" in found.inherited
    assert not incompatibilities(found.schema, model.schema)


def test_a_kind_that_the_table_contradicts_is_inferred_again():
    found, columns = continued(earlier(Column("x", "integer")), x=drawn(["1.5", "2.5"]))
    assert columns["x"].kind == "number"
    assert "widened: x (integer is now number)" in found.inherited


def test_a_column_that_leaks_is_left_out_and_not_new():
    churned = base()["Exited"].to_numpy() == "1"
    found, columns = continued(earlier(), Reason=np.where(churned, "price", ""))
    assert "Reason" not in columns
    assert "leak" in found.left_out["Reason"]
    assert found.inherited == "inherited from version 3; new: Price. --schema infer starts afresh"


def test_new_columns_are_optional_and_columns_that_are_gone_are_named():
    model = earlier(Column("x", "number"))
    found, columns = continued(model, y=drawn(["1", "2"]), z=drawn(["a", "b"]))
    assert [name for name in columns if not columns[name].required] == ["Price", "y", "z"]
    assert columns["y"].kind == "number"
    assert found.inherited == (
        "inherited from version 3; new: Price, y, z; left out: x. --schema infer starts afresh"
    )
    assert found.summary().startswith("inherited from version 3; new")
    assert not incompatibilities(found.schema, model.schema)


def test_the_identifier_is_inherited_unless_another_is_named():
    named = NamedColumns(["Exited=1"])
    _, columns = continued(earlier(), named)
    assert columns["Id"].kind == "identifier"
    _, columns = continued(earlier(), replace(named, exclude=["Id"]))
    assert "Id" not in columns


def test_columns_that_the_earlier_version_left_out_do_not_come_back():
    before = earlier(Column("x", "number"), excluded=["gender", "gone"])
    found, columns = continued(before, NAMED, x="1", gender="f")
    assert "gender" not in columns
    assert found.left_out["gender"].startswith("was excluded from version 3")
    assert found.dataset.excluded == ["gender"]
    assert "gender" in continued(before, replace(NAMED, audit=["gender"]), gender="f")[0].left_out
    named = replace(NAMED, weight="gender")
    assert continued(before, named, gender="1")[0].left_out["gender"] == "is --weight"


def test_excluded_columns_are_left_out():
    found, columns = continued(earlier(Column("x", "number")), replace(NAMED, exclude=["x"]), x="1")
    assert "x" not in columns
    assert "left out: x" in found.inherited


def test_missing_values_and_formats_are_inherited():
    before = Column("x", "number", required=False, minimum=0)
    ambiguous = Column("seen", "date")
    model = earlier(
        *(before, ambiguous), missing_in={"x": ["-999"]}, formats={"seen": "DD/MM/YYYY"}
    )
    cells = np.where(np.arange(ROWS) % 9 == 0, "-999", drawn(["5", "7"]))
    days = drawn(["01/02/2025", "03/04/2025"])
    found, columns = continued(model, x=cells, seen=days)
    assert (columns["x"], columns["seen"]) == (before, ambiguous)
    assert found.dataset.missing_in == {"x": ["-999"]}
    assert found.dataset.formats == {"seen": "DD/MM/YYYY"}
    given = replace(NAMED, cells=CellOptions.parse([], ["seen=MM/DD/YYYY"]))
    assert continued(model, given, x=cells, seen=days)[0].dataset.formats["seen"] == "MM/DD/YYYY"


def test_a_format_that_no_longer_fits_is_found_out_again():
    model = earlier(Column("x", "number"), formats={"x": "1.234,50"})
    found, columns = continued(model, x=drawn(["1.5", "2,250.75"]))
    assert columns["x"].kind == "number"
    assert found.dataset.formats == {"x": "1,234.50"}


def test_typed_numbers_cannot_stay_a_category():
    table = base().assign(x=pd.Series(drawn([1, 2])).astype(int))
    model = earlier(Column("x", "category", levels=("1", "2")))
    found = propose(table, CsvFormat(), "table", NAMED, model)
    assert "x (category is now integer)" in found.inherited
