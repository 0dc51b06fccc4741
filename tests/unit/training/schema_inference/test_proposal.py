from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from churn_model.errors import SchemaError, TableError
from churn_model.schema import RecordSchema
from churn_model.tables.descriptor import CsvFormat
from training.data.files import detect_csv_format, read_file
from training.data.table import check_table
from training.schema_inference.proposal import ColumnRoles, propose

ROWS = 600
ASKED = ColumnRoles(["Exited=1"], "Id", as_of=date(2026, 1, 31))


def base(rows=ROWS, seed=0):
    """Customers as a CSV file keeps them: texts."""
    rng = np.random.default_rng(seed)
    months, price = rng.integers(0, 72, rows), np.round(rng.uniform(10, 100, rows), 2)
    p = 1 / (1 + np.exp(-(1.0 - 0.06 * months + 0.02 * (price - 50))))
    churned = (rng.random(rows) < p).astype(int)
    table = {"Id": [f"K{i}" for i in range(rows)], "Months": months, "Price": price}
    return pd.DataFrame(table | {"Exited": churned}).astype(str)


def proposed(table, asked=ASKED, csv=None):
    return propose(table, csv or CsvFormat(), "table", asked)


def column_of(values, **asked):
    """What a column of ``values`` is taken for: a Column, or why it is left out."""
    found = proposed(base(len(values)).assign(x=values), ColumnRoles(["Exited=1"], "Id", **asked))
    return {c.name: c for c in found.schema}.get("x", found.left_out.get("x"))


def drawn(choices, rows=ROWS, seed=1):
    return np.random.default_rng(seed).choice(np.array(choices, dtype=object), rows)


@pytest.mark.parametrize(
    ("values", "kind", "required"),
    [
        (drawn(["0", "1", "7"]), "integer", True),
        (drawn(["0.5", "1", "-7"]), "number", True),
        (drawn(["0", "1", ""]), "number", False),
        (drawn(["0", "1"] * 20 + ["?"]), "number", False),
        (drawn(["0", "1"] * 20 + ["inf"]), "integer", True),
        (drawn(["true", "False"]), "boolean", True),
        (drawn(["Yes", "No"]), "category", True),
        (drawn(["Yes", "NA"]), "category", False),
        (drawn(["one", "two", "three"]), "category", True),
        (drawn(["01", "02", "11"]), "category", True),
        (drawn([*map(str, range(1, 300)), "007"]), "integer", True),
        (drawn(["5 %", "10 %"]), "category", True),
        (drawn(["2024-02-29", "2020-01-01"]), "date", True),
        (pd.Series(drawn([True, False]), dtype=bool), "boolean", True),
        (pd.Series(drawn([1, None]), dtype="Int64"), "number", False),
        (drawn([Decimal("1.5"), Decimal(2)]), "number", True),
        (drawn([date(2024, 1, 31), date(2020, 1, 1), None]), "date", False),
        (pd.Series(drawn(["2024-01-31", "2020-01-01"])).astype("datetime64[us]"), "date", True),
        (pd.Series(drawn(["a", "b"])).astype("category"), "category", True),
        (drawn([1, "two", 3.0]), "category", True),
    ],
)
def test_a_column_is_what_its_cells_say(values, kind, required):
    found = column_of(values, as_of=date(2026, 1, 31))
    assert (found.kind, found.required) == (kind, required), found


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["1"] * ROWS, "same for every customer"),
        ([""] * ROWS, "is empty"),
        (["a", *[""] * (ROWS - 1)], "missing for all but 1 customers"),
        ([f"note {i}" for i in range(ROWS)], "as an identifier is"),
        ([str(1000 + i) for i in range(ROWS)], "as an identifier is"),
        (drawn([f"shop {i}" for i in range(10_000)], 30_000), "9,5.. categories.* only 0%"),
        (
            drawn([str(i) for i in range(900)] + [f"{i} or so" for i in range(300)], 3000),
            "mixes numbers with .* texts",
        ),
        (drawn(["2024-01-31", "2020-01-01"]), "with --as-of DAY its age"),
        (drawn(["2024-01-31 10:00:00", "2020-01-01 00:00:00"]), "is a time"),
        (drawn(["31.01.2024", "01.12.2020"]), "not written as 2026-01-31"),
        (drawn([f"${i},{i}50.00" for i in range(100, 400)]), "write them as 1234.50"),
        (drawn([f"{i / 10} %" for i in range(300)]), "write them as 1234.50"),
        (pd.Series(pd.date_range("2020-01-01", periods=ROWS, tz="UTC")), "is a time"),
        (pd.Series(drawn([1.5, np.inf, 2.5]), dtype=float), "infinite"),
        (pd.Series([[1], [2]] * 300), "neither numbers nor texts"),
        (pd.date_range("2020-01-01 03:00", periods=ROWS, freq="h"), "is a time"),
        ([pd.Timestamp("2020-01-01")] * ROWS, "same for every customer"),
    ],
)
def test_a_column_of_no_use_is_left_out_with_the_reason(values, why):
    found = column_of(values)
    assert isinstance(found, str), found
    assert pd.Series([found]).str.contains(why, regex=True).all(), found


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("error", "name of a column of the results"),
        ("Unnamed: 0", "has no name"),
        ("Zip Code", "is a place"),
        ("PostalCode", "is a place"),
        ("Latitude", "is a place"),
    ],
)
def test_a_name_alone_can_be_reason_enough(name, why):
    found = proposed(base().assign(**{name: drawn(["1", "2", "3"])}))
    assert why in found.left_out[name]


def test_what_gives_the_answer_away_is_left_out_and_says_how():
    table = base()
    churned = table["Exited"] == "1"
    found = proposed(
        table.assign(
            Reason=np.where(churned, drawn(["price", "service"]), ""),
            Status=np.where(churned, "left", drawn(["stayed", "joined"])),
            Refund=np.where(churned, "5", "0"),
        )
    )
    assert set(found.left_out) == {"Reason", "Status", "Refund"}
    assert "that it is missing gives the answer away" in found.left_out["Reason"]
    assert "alone tells who churned" in found.left_out["Status"]
    assert [c.name for c in found.schema.features] == ["Months", "Price"]


def test_amounts_that_all_differ_are_no_identifier():
    amounts = np.random.default_rng(3).permutation(np.arange(ROWS) * 997 + 10_000)
    assert column_of(amounts.astype(str)).kind == "integer"
    named = base().assign(**{"Contract no": amounts.astype(str)})
    assert "identifier" in proposed(named).left_out["Contract no"]


def test_bounds_follow_the_cells():
    flag, plain = column_of(drawn(["0", "1"])), column_of(drawn(["0", "5"]))
    signed = column_of(drawn(["-1.5", "2"]))
    assert (flag.minimum, flag.maximum, plain.minimum, signed.minimum) == (0, 1, 0, None)


def test_rare_categories_are_not_listed_and_the_others_are_open():
    values = np.array([*["red"] * 300, *["blue"] * 290, *["mauve"] * 10], dtype=object)
    found = column_of(np.random.default_rng(0).permutation(values))
    assert (found.levels, found.allows_unlisted) == (("blue", "red"), True)


def test_a_mark_for_missing_numbers_is_one_in_numbers_only():
    table = base().assign(x=drawn(["1", "2", "3"] * 20 + ["?"]), Offer=drawn(["None", "A", "B"]))
    found = proposed(table)
    kinds = {c.name: c for c in found.schema}
    assert not kinds["x"].required
    assert "None" in kinds["Offer"].levels
    assert "Offer: 'None' is a category, and pandas.read_csv takes it" in "\n".join(found.remarks)
    checked = check_table(table, "t.csv", found.dataset, found.schema, 0.0)
    assert checked.customers["x"].isna().sum() == (table["x"] == "?").sum()
    assert set(checked.customers["Offer"]) == {"None", "A", "B"}


def test_what_to_look_at_is_said():
    table = base().assign(
        Income=drawn([*["0"] * 9, *map(str, range(20_000, 90_000, 500))]),
        Balance=drawn(["-3", *map(str, range(1, 60))]),
    )
    table.loc[0, "Income"] = "0"
    table = pd.concat([table, table.head(5)], ignore_index=True)
    told = "\n".join(proposed(table).remarks)
    for part in ("Income: ", "if 0 means missing", "Balance: ", "below 0"):
        assert part in told
    assert "5 rows repeat an identifier" in told
    assert "5 rows are copies of others" in told


def test_an_identifier_of_numbers_is_remarked_on():
    table = base().assign(Id=range(ROWS))
    assert "Id: holds numbers" in "\n".join(proposed(table).remarks)


def test_names_of_columns_stay_as_they_are():
    odd = [
        'Price "net" ($)',
        "select",
        "Größe 客户",
        "a/b\\c",
        "../up",
        "`tick`",
        "_x",
        "a.b",
        "copy",
    ]
    table = base().assign(**{name: drawn(["1", "2", "3"], seed=i) for i, name in enumerate(odd)})
    found = proposed(table)
    assert [c.name for c in found.schema] == ["Id", "Months", "Price", *odd]
    assert RecordSchema.from_json_schema(found.schema.to_json_schema()) == found.schema
    assert found.dataset.columns == {name: name for name in ("Id", "Months", "Price", *odd)}


def test_excluded_columns_are_left_out():
    found = proposed(base(), ColumnRoles(["Exited=1"], "Id", {"Price": "was excluded"}))
    assert [c.name for c in found.schema] == ["Id", "Months"]
    assert "'Price' was excluded" in found.summary()


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (ColumnRoles(["Exited"]), "as Column=value"),
        (ColumnRoles(["=1"]), "as Column=value"),
        (ColumnRoles(["Exited=1", "Months=2"]), "as Column=value"),
        (ColumnRoles(["Left=1"]), "no column 'Left'; its columns are 'Id', 'Months'"),
        (ColumnRoles(["Exited=2"]), "has no '2'; it has '0', '1'|has no '2'; it has '1', '0'"),
        (ColumnRoles(["Exited=0", "Exited=1"]), "nobody was kept"),
        (ColumnRoles(["Id=K1"]), "has 600 different values"),
        (ColumnRoles(["Exited=1"], "Number"), "--id: the table has no column 'Number'"),
        (ColumnRoles(["Exited=1"], "Id", {"Prize": "was excluded"}), "--exclude: the table has no"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_there(asked, complaint):
    with pytest.raises(TableError, match=complaint):
        proposed(base(), asked)


def test_two_columns_of_one_name_are_refused(tmp_path):
    base().rename(columns={"Price": " Months"}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(TableError, match="two columns named 'Months'"):
        proposed(read_file(tmp_path / "t.parquet", CsvFormat()))


def test_a_table_without_features_is_refused_with_every_reason():
    with pytest.raises(SchemaError, match=r"no column can be a feature: 'Note' is different"):
        proposed(base()[["Id", "Exited"]].assign(Note=[f"n{i}" for i in range(ROWS)]))


@pytest.mark.parametrize(
    ("value", "given"), [("1", "1"), ("1.0", "1"), ("True", "1"), ("Yes", "yes")]
)
def test_who_churned_is_found_as_the_table_writes_it(value, given):
    table = base()
    table["Exited"] = np.where(table["Exited"] == "1", value, "other")
    assert proposed(table, ColumnRoles([f"Exited={given}"], "Id")).dataset.target.churned == [value]


def test_rows_without_a_label_are_no_customers():
    table = base()
    table.loc[:9, "Exited"] = ["", "?", "NA", "", "", "", "", "", "", ""]
    found = proposed(table)
    assert set(found.dataset.target.unlabelled) == {"", "?", "NA"}
    assert check_table(table, "t.csv", found.dataset, found.schema, 0.0).unlabelled_rows == 10


def test_dates_are_kept_as_ages_and_sent_as_they_were():
    days = drawn(["2024-02-29", "2026-01-30", ""])
    table = base().assign(Signed=days)
    found = proposed(table)
    checked = check_table(table, "t.csv", found.dataset, found.schema, 0.0, as_of=date(2026, 1, 31))
    assert set(checked.customers["Signed"].dropna()) == {702, 1}
    assert checked.as_sent(ROWS, found.schema)["Signed"].fillna("").tolist() == days.tolist()
    assert {c.name: c.label for c in checked.features(found.schema)}["Signed"] == (
        "Signed (days before 2026-01-31)"
    )
    with pytest.raises(TableError, match="say on which day the table was true, as --as-of"):
        check_table(table, "t.csv", found.dataset, found.schema, 0.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Id,Price\n1,2.5\n", CsvFormat()),
        ("Id;Price\n1;2,5\n2;3,75\n", CsvFormat(separator=";", decimal=",")),
        ("Id;Price\n1;2.5\n", CsvFormat(separator=";")),
        ("Id\tPrice\n1\t2.5\n", CsvFormat(separator="\t")),
        ("\ufeffId|Price\n1|2.5\n", CsvFormat(separator="|")),
        ('Id,Note\n1,"a; b; c"\n2,"d; e; f"\n', CsvFormat()),
        ("Id\n1\n", CsvFormat()),
    ],
)
def test_a_files_layout_is_seen_from_its_first_lines(tmp_path, text, expected):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    assert detect_csv_format(path) == expected
    assert next(iter(read_file(path, expected))) == "Id"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("Id,Größe\n1,2\n".encode("utf-16"), "is no UTF-8"),
        ("Id,Größe\n1,2\n".encode("latin-1"), "is no UTF-8"),
        (b"Id,Price, Price\n1,2,3\n", "two columns named 'Price'"),
    ],
)
def test_a_file_that_cannot_be_told_is_refused(tmp_path, data, complaint):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(TableError, match=complaint):
        detect_csv_format(tmp_path / "t.csv")
    with pytest.raises(TableError, match="no such file"):
        detect_csv_format(tmp_path / "none.csv")
