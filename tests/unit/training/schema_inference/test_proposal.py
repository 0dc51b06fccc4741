from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from churn_model.errors import SchemaError, TableError
from churn_model.schema import RecordSchema
from churn_model.schema.column import INT64_MAX
from churn_model.tables.csv_format import detect_csv_format
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.files import read_file
from churn_model.tables.observations import ObservationOptions
from training.data.table_reader import check_table
from training.schema_inference.kinds import infer_column
from training.schema_inference.named_columns import NamedColumns
from training.schema_inference.proposal import propose

ROWS = 600
NAMED = NamedColumns(["Exited=1"], "Id", observation=ObservationOptions(date(2026, 1, 31)))


def base(rows=ROWS, seed=0):
    """Customers as they are read from a CSV file: strings."""
    rng = np.random.default_rng(seed)
    months, price = rng.integers(0, 72, rows), np.round(rng.uniform(10, 100, rows), 2)
    p = 1 / (1 + np.exp(-(1.0 - 0.06 * months + 0.02 * (price - 50))))
    churned = (rng.random(rows) < p).astype(int)
    table = {"Id": [f"K{i}" for i in range(rows)], "Months": months, "Price": price}
    return pd.DataFrame(table | {"Exited": churned}).astype(str)


def proposed(table, named=NAMED, csv=None):
    return propose(table, csv or CsvFormat(), "table", named)


def column_of(values, is_observed=False):
    """What a column of ``values`` is inferred to be: a Column, or the reason to leave it out."""
    cells = pd.DataFrame({"x": values})["x"]
    inferred = infer_column("x", cells, CsvFormat(), is_observed=is_observed)
    return inferred.column or inferred.reason


def drawn(levels, rows=ROWS, seed=1):
    return np.random.default_rng(seed).choice(np.array(levels, dtype=object), rows)


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
        (drawn(["5 %", "10 %"]), "integer", True),
        (drawn([f"{i / 10} %" for i in range(300)]), "number", True),
        (drawn([f"${i},250.00" for i in range(100, 400)]), "integer", True),
        (drawn(["$70.35", "$8"]), "number", True),
        (drawn(["1.234,50", "950"]), "number", True),
        (drawn(["1\u00a0234.5", "950"]), "number", True),
        (drawn(["2024-02-29", "2020-01-01"]), "date", True),
        (drawn(["2024-01-31 10:00:00", "2020-01-01 00:00:00"]), "date", True),
        (drawn(["31.01.2024", "01.12.2020"]), "date", True),
        (drawn(["31/1/2024", "1/12/2020 11:30 PM", ""]), "date", False),
        (drawn(["20240131", "20201201"]), "date", True),
        (drawn(["20240131", "20201201"] * 20 + ["0"]), "date", False),
        (drawn(["20240131", "99999999"]), "integer", True),
        (pd.Series(pd.date_range("2020-01-01", periods=ROWS, tz="UTC")), "date", True),
        (pd.date_range("2020-01-01 03:00", periods=ROWS, freq="h"), "date", True),
        (pd.Series(drawn([True, False]), dtype=bool), "boolean", True),
        (pd.Series(drawn([1, None]), dtype="Int64"), "number", False),
        (drawn([Decimal("1.5"), Decimal(2)]), "number", True),
        (drawn([date(2024, 1, 31), date(2020, 1, 1), None]), "date", False),
        (pd.Series(drawn(["2024-01-31", "2020-01-01"])).astype("datetime64[us]"), "date", True),
        (pd.Series(drawn(["a", "b"])).astype("category"), "category", True),
        (drawn([1, "two", 3.0]), "category", True),
    ],
)
def test_the_kind_of_a_column_follows_from_its_cells(values, kind, required):
    found = column_of(values, is_observed=True)
    assert (found.kind, found.required) == (kind, required), found


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["1"] * ROWS, "same for every customer"),
        ([""] * ROWS, "is empty"),
        (["a", *[""] * (ROWS - 1)], "missing for all but 1 customers"),
        ([f"note {i}" for i in range(ROWS)], "like an identifier"),
        ([str(1000 + i) for i in range(ROWS)], "like an identifier"),
        (drawn([f"shop {i}" for i in range(10_000)], 30_000), "9,5.. levels.* only 0%"),
        (
            drawn([str(i) for i in range(900)] + [f"{i} or so" for i in range(300)], 3000),
            "mixes numbers with .* strings such as '.* or so'",
        ),
        (
            drawn([f"{i}" for i in range(4000)] + [f"{i}.03.00" for i in range(4000)], 9000),
            r"mixes numbers with .* strings such as '\d+.03.00'",
        ),
        (drawn(["2024-01-31", "2020-01-01"]), "add --as-of DAY or --as-of COLUMN to use its age"),
        (drawn(["01/02/2024", "03/04/2024"]), "DD/MM/YYYY or --format x=MM/DD/YYYY"),
        (pd.Series(pd.to_timedelta(drawn([1, 2, 3]).astype(int), unit="D")), "is a duration"),
        (pd.Series(drawn([1.5, np.inf, 2.5]), dtype=float), "infinite"),
        (pd.Series([[1], [2]] * 300), "neither numbers nor strings"),
        ([pd.Timestamp("2020-01-01")] * ROWS, "same for every customer"),
    ],
)
def test_an_unusable_column_is_left_out_with_the_reason(values, why):
    found = column_of(values)
    assert isinstance(found, str), found
    assert pd.Series([found]).str.contains(why, regex=True).all(), found


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("error", "name of an output column"),
        ("Unnamed: 0", "has no name"),
        ("Zip Code", "is a location"),
        ("PostalCode", "is a location"),
        ("Latitude", "is a location"),
    ],
)
def test_a_column_can_be_left_out_for_its_name(name, why):
    for values in (["1", "2", "3"], [str(90_000 + i) for i in range(300)]):
        found = proposed(base().assign(**{name: drawn(values)}))
        assert why in found.left_out[name]


def test_columns_that_leak_the_target_are_left_out_with_the_reason():
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
    assert "a missing value leaks the target" in found.left_out["Reason"]
    assert "alone predicts churn" in found.left_out["Status"]
    assert [c.name for c in found.schema.features] == ["Months", "Price"]


def test_amounts_are_not_identifiers_unless_the_name_says_so():
    amounts = np.random.default_rng(3).permutation(np.arange(ROWS) * 997 + 10_000)
    assert column_of(amounts.astype(str)).kind == "integer"
    named = base().assign(**{"Contract no": amounts.astype(str)})
    assert "identifier" in proposed(named).left_out["Contract no"]


def test_a_repeated_column_named_like_an_identifier_is_the_identifier():
    rows = np.random.default_rng(5).integers(0, 200, ROWS)
    table = base().drop(columns="Id").assign(CustomerId=(15_565_701 + rows * 89).astype(str))
    table["store_id"] = (rows * 7 + 1000).astype(str)
    found = proposed(table, NamedColumns(["Exited=1"]))
    assert [c.name for c in found.schema.identifiers] == ["CustomerId"]
    assert "store_id" in found.left_out
    distinct = table["CustomerId"].nunique()
    assert f"CustomerId: {distinct} values in 600 rows, so it is taken as" in found.summary()
    checked = check_table(table, "t.csv", found.dataset, found.schema, 0.0)
    assert checked.customers_of_rows.n == distinct
    other = proposed(table.assign(Id=base()["Id"]))
    assert [c.name for c in other.schema.identifiers] == ["Id"]
    assert "CustomerId" in other.left_out


def test_a_repeated_amount_is_not_an_identifier():
    balances = np.random.default_rng(5).integers(0, 200, ROWS) * 7
    table = base().assign(**{"Savings Account": balances.astype(str)})
    kinds = {c.name: c.kind for c in proposed(table, NamedColumns(["Exited=1"])).schema}
    assert kinds["Savings Account"] == "integer"


def test_bounds_follow_the_cells():
    flag, plain = column_of(drawn(["0", "1"])), column_of(drawn(["0", "5"]))
    signed = column_of(drawn(["-1.5", "2"]))
    assert (flag.minimum, plain.minimum, signed.minimum) == (0, 0, None)
    assert {flag.maximum, plain.maximum} == {INT64_MAX}, "larger values may come"


def test_rare_levels_are_not_listed_and_unlisted_levels_are_allowed():
    values = np.array([*["red"] * 300, *["blue"] * 290, *["mauve"] * 10], dtype=object)
    found = column_of(np.random.default_rng(0).permutation(values))
    assert (found.levels, found.allows_unlisted) == (("blue", "red"), True)


def test_a_question_mark_means_missing_in_numerical_columns_only():
    table = base().assign(x=drawn(["1", "2", "3"] * 20 + ["?"]), Offer=drawn(["None", "A", "B"]))
    found = proposed(table)
    kinds = {c.name: c for c in found.schema}
    assert not kinds["x"].required
    assert "None" in kinds["Offer"].levels
    assert (
        "Offer: 'None' is a category level, and pandas.read_csv reads it as missing"
        in "\n".join(found.remarks)
    )
    checked = check_table(table, "t.csv", found.dataset, found.schema, 0.0)
    assert checked.customers["x"].isna().sum() == (table["x"] == "?").sum()
    assert set(checked.customers["Offer"]) == {"None", "A", "B"}


def test_suspicious_numbers_and_repeated_rows_are_remarked_on():
    table = base().assign(
        Income=drawn([*["0"] * 9, *map(str, range(20_000, 90_000, 500))]),
        Balance=drawn(["-3", *map(str, range(1, 60))]),
    )
    table.loc[0, "Income"] = "0"
    table = pd.concat([table, table.head(5)], ignore_index=True)
    remarks = "\n".join(proposed(table).remarks)
    for part in ("Income: ", "if 0 means missing", "Balance: ", "below 0"):
        assert part in remarks
    assert "5 rows repeat the identifier of an earlier row" in remarks
    assert "5 rows are copies of other rows" in remarks


def test_an_identifier_of_numbers_is_remarked_on():
    table = base().assign(Id=range(ROWS))
    assert "Id: contains numbers" in "\n".join(proposed(table).remarks)


def test_column_names_stay_as_they_are():
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
    found = proposed(base(), NamedColumns(["Exited=1"], "Id", ["Price"]))
    assert [c.name for c in found.schema] == ["Id", "Months"]
    assert "'Price' was excluded" in found.summary()


@pytest.mark.parametrize(
    ("named", "complaint"),
    [
        (NamedColumns(["Exited"]), "--target must be COLUMN=VALUE"),
        (NamedColumns(["=1"]), "--target must be COLUMN=VALUE"),
        (NamedColumns(["Exited=1", "Months=2"]), "must name the same column"),
        (
            NamedColumns(["Left=1"]),
            r"no column 'Left' \(--target\). The columns are 'Id', 'Months', 'Price', 'Exited'$",
        ),
        (NamedColumns(["Exitd=1"]), "no column 'Exitd' .* Did you mean 'Exited'. The columns are"),
        (NamedColumns(["Exited=2"]), "has no value '2'. The values are '(0', '1|1', '0)'"),
        (NamedColumns(["Exited=0", "Exited=1"]), "every value of column 'Exited' means churned"),
        (NamedColumns(["Id=K1"]), "has 600 different values"),
        (NamedColumns(["Exited=1"], "Number"), r"the table has no column 'Number' \(--id\)"),
        (
            NamedColumns(["Exited=1"], "Id", ["Prize"]),
            r"no column 'Prize' \(--exclude\). Did you mean 'Price'",
        ),
        (
            NamedColumns(["Exited=1"], "Id", weight="Month"),
            r"no column 'Month' \(--weight\). Did you mean 'Months'",
        ),
        (
            NamedColumns(["Exited=1"], "Id", split_by="Montsh"),
            r"no column 'Montsh' \(--split-by\). Did you mean 'Months'",
        ),
    ],
)
def test_a_name_that_the_table_lacks_is_an_error_that_suggests_one(named, complaint):
    with pytest.raises(TableError, match=complaint):
        proposed(base(), named)


def test_a_misspelled_value_of_the_target_suggests_the_nearest_one():
    table = base()
    table["Exited"] = np.where(table["Exited"] == "1", "Churned", "Stayed")
    with pytest.raises(TableError, match=r"has no value 'churned\?'. Did you mean 'Churned'\?"):
        proposed(table, NamedColumns(["Exited=churned?"]))


def test_a_long_list_of_columns_is_cut_off_after_the_suggestion():
    wide = base().assign(**{f"x{i}": "1" for i in range(34)})
    with pytest.raises(TableError, match=r"Did you mean 'Exited'\? The columns .* and 18 more$"):
        proposed(wide, NamedColumns(["Exitd=1"]))


def test_features_that_look_protected_by_law_are_remarked_on_with_a_flag_to_copy():
    table = base().assign(
        **{"Gender": drawn(["Female", "Male"]), "Marital Status": drawn(["single", "married"])}
    )
    remarks = proposed(table).remarks
    assert (
        "Gender looks like an attribute protected by law (sex). Leave it out with --exclude Gender "
        "unless you are allowed to use it"
    ) in remarks
    assert "--exclude 'Marital Status'" in "\n".join(remarks)
    excluded = proposed(table, NamedColumns(["Exited=1"], "Id", ["Gender", "Marital Status"]))
    assert "protected" not in excluded.summary()


def test_duplicate_columns_are_rejected(tmp_path):
    base().rename(columns={"Price": " Months"}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(TableError, match="duplicate column 'Months'"):
        proposed(read_file(tmp_path / "t.parquet", CsvFormat()))


def test_a_table_without_features_is_rejected_with_every_reason():
    with pytest.raises(SchemaError, match=r"no column can be a feature: 'Note' is different"):
        proposed(base()[["Id", "Exited"]].assign(Note=[f"n{i}" for i in range(ROWS)]))


@pytest.mark.parametrize(
    ("value", "given"), [("1", "1"), ("1.0", "1"), ("True", "1"), ("Yes", "yes")]
)
def test_the_target_value_matches_as_the_table_writes_it(value, given):
    table = base()
    table["Exited"] = np.where(table["Exited"] == "1", value, "other")
    assert proposed(table, NamedColumns([f"Exited={given}"], "Id")).dataset.target.churned == [
        value
    ]


def test_rows_with_a_missing_target_have_no_label():
    table = base()
    table.loc[:9, "Exited"] = ["", "?", "NA", "", "", "", "", "", "", ""]
    found = proposed(table)
    assert set(found.dataset.target.unlabelled) == {"", "?", "NA"}
    assert check_table(table, "t.csv", found.dataset, found.schema, 0.0).unlabelled_rows == 10


def test_dates_become_ages_and_are_sent_as_dates():
    days = drawn(["2024-02-29", "2026-01-30", ""])
    table = base().assign(Signed=days)
    found = proposed(table)
    checked = check_table(
        table, "t.csv", found.dataset, found.schema, 0.0, observation=NAMED.observation
    )
    assert set(checked.customers["Signed"].dropna()) == {702, 1}
    assert checked.as_sent(ROWS, found.schema)["Signed"].fillna("").tolist() == days.tolist()
    assert {c.name: c.label for c in checked.features(found.schema)}["Signed"] == (
        "Signed (days before 2026-01-31)"
    )
    with pytest.raises(TableError, match="name the day on which the rows were observed"):
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
def test_the_csv_format_is_detected_from_the_first_lines(tmp_path, text, expected):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    assert detect_csv_format(path) == expected
    assert next(iter(read_file(path, expected))) == "Id"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("Id,Größe\n1,2\n".encode("utf-16"), "is not encoded in UTF-8"),
        ("Id,Größe\n1,2\n".encode("latin-1"), "is not encoded in UTF-8"),
        (b"Id,Price, Price\n1,2,3\n", "duplicate column 'Price'"),
    ],
)
def test_a_file_whose_format_cannot_be_detected_is_rejected(tmp_path, data, complaint):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(TableError, match=complaint):
        detect_csv_format(tmp_path / "t.csv")
    with pytest.raises(TableError, match="no such file"):
        detect_csv_format(tmp_path / "none.csv")
