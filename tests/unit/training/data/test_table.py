import pandas as pd
import pytest

from churn_model.errors import TableError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.tables.descriptor import CsvFormat
from tests.unit.churn_model.test_schema import Rich
from training.data.dataset import Dataset, load_dataset
from training.data.table import describe_rejected
from training.data.table_reader import read_table

TOML = """
name = "test"
[columns]
customer_id = "Id"
age = "Age"
tenure = "Months"
monthly_charges = "Monthly"
total_charges = "Total"
[target]
column = "Status"
churned = ["gone", 1]
kept = ["here", 0]
unlabelled = ["?"]
"""
HEADER = "Id,Age,Months,Monthly,Total,Status,Extra\n"
GOOD = "c1,40,3,20.5,61.5,gone,x\nc2,50,13,30,,here,y\n"


@pytest.fixture
def dataset(tmp_path) -> Dataset:
    (tmp_path / "dataset.toml").write_text(TOML)
    return load_dataset(tmp_path / "dataset.toml", CUSTOMER_SCHEMA)


@pytest.fixture
def read(tmp_path, dataset):
    def read(text, max_rejected=1.0, changes=None, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_text(text, encoding=encoding)
        used = dataset.model_copy(update=changes or {})
        return read_table(path, used, CUSTOMER_SCHEMA, max_rejected)

    return read


def test_a_valid_table_is_read_as_the_schema_declares_it(read):
    table = read(HEADER + GOOD + "c3,20,1,10,10,?,z\n")
    assert table.customers.to_dict("list") == {
        "customer_id": ["c1", "c2"],
        "age": [40, 50],
        "tenure": [3, 13],
        "monthly_charges": [20.5, 30.0],
        "total_charges": [61.5, pytest.approx(float("nan"), nan_ok=True)],
    }
    assert table.customers.dtypes.astype(str).to_dict() | {"customer_id": ""} == {
        "customer_id": "",
        "age": "int64",
        "tenure": "int64",
        "monthly_charges": "float64",
        "total_charges": "float64",
    }
    assert table.churned.tolist() == [1, 0]
    assert (table.rows, table.rejected_rows, table.unlabelled_rows) == (3, 0, 1)


@pytest.mark.parametrize(
    ("row", "field", "column", "rule"),
    [
        ("c,30.5,3,20,60,gone,", "age", "Age", "int_from_float"),
        ("c,forty,3,20,60,gone,", "age", "Age", "int_parsing"),
        ("c,1_0,3,20,60,gone,", "age", "Age", "int_parsing"),
        ("c,,3,20,60,gone,", "age", "Age", "missing"),
        ("c,NA,3,20,60,gone,", "age", "Age", "missing"),
        ("c,40,-3,20,60,gone,", "tenure", "Months", "greater_than_equal"),
        ("c,40,1e300,20,60,gone,", "tenure", "Months", "int_range"),
        ("c,40,3,20,18.89.05,gone,", "total_charges", "Total", "float_parsing"),
        ("c,40,3,inf,60,gone,", "monthly_charges", "Monthly", "finite_number"),
        (",40,3,20,60,gone,", "customer_id", "Id", "missing"),
        ("c,40,3,20,60,maybe,", "target", "Status", "unknown_label"),
        ("c,40,3,20,60,,", "target", "Status", "unknown_label"),
    ],
)
def test_a_row_that_breaks_the_schema_is_rejected_with_its_reason(read, row, field, column, rule):
    table = read(HEADER + GOOD + row + "\n" + GOOD)
    assert len(table.customers) == 4
    assert table.rejected_rows == 1
    (line,) = table.rejected.to_dict("records")
    assert (line["row"], line["field"], line["column"], line["rule"]) == (2, field, column, rule)
    assert f"{field} (column '{column}')" in describe_rejected(table)
    assert "e.g. 2" in describe_rejected(table)


def test_a_rejected_cell_is_reported_as_it_is_in_the_file(read):
    table = read(HEADER + GOOD + "c,40,3,20,18.89.05,gone,\n")
    assert table.rejected["cell"].tolist() == ["18.89.05"]


def test_row_counts_add_up_and_unlabelled_rows_are_not_rejected(read):
    table = read(HEADER + GOOD + "c,-1,3,20,60,?,\nc,-1,3,20,60,gone,\n")
    assert (table.rows, table.rejected_rows, table.unlabelled_rows) == (4, 1, 1)
    assert table.rows == len(table.customers) + table.rejected_rows + table.unlabelled_rows


def test_too_many_invalid_rows_are_an_error_with_examples(read):
    text = HEADER + GOOD * 5 + "c,-1,3,20,60,gone,\n" * 2
    with pytest.raises(TableError, match=r"2 of 12 rows \(17%\).*Age.*at least 0: 2 rows"):
        read(text, max_rejected=0.05)
    assert read(text, max_rejected=0.2).rejected_rows == 2


def test_a_table_of_invalid_rows_only_is_rejected(read):
    with pytest.raises(TableError, match="no valid row to train on"):
        read(HEADER + "c,-1,3,20,60,gone,\n")


def test_a_table_of_unlabelled_rows_only_is_rejected(read):
    with pytest.raises(TableError, match="none of its 1 rows has a label"):
        read(HEADER + "c,1,3,20,60,?,\n")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        (HEADER, "a header and no rows"),
        ("Id,Age\nc,1\n", "has no column 'Months'"),
        (HEADER + "a,b\n" + "a,b,c,d,e,f,g,h,i\n", "line 3 has 9 cells instead of 7"),
        (HEADER + 'c,1,2,3,"4,gone,x\n', "the quote that opens in line 2 is never closed"),
        (HEADER.replace("Months", "Age ") + GOOD, "duplicate column 'Age'"),
        (
            HEADER.replace("Months", "Monhts") + GOOD,
            r"no column 'Months' \(\[columns\] tenure\). Did you mean 'Monhts'\? The columns are 'Id'",
        ),
        (
            HEADER.replace("Status", "Sttaus") + GOOD,
            r"no column 'Status' \(\[target\] column\). Did you mean 'Sttaus'\?",
        ),
    ],
)
def test_a_file_with_another_layout_is_rejected(read, text, complaint):
    with pytest.raises(TableError, match=complaint) as caught:
        read(text)
    assert "\n" not in str(caught.value)
    assert "C error" not in str(caught.value)


def test_a_missing_file_and_an_unknown_suffix_are_errors(tmp_path, dataset):
    with pytest.raises(TableError, match="no such file"):
        read_table(tmp_path / "none.csv", dataset, CUSTOMER_SCHEMA, 0.05)
    with pytest.raises(TableError, match=r"neither \.csv nor \.parquet"):
        read_table(tmp_path / "table.xlsx", dataset, CUSTOMER_SCHEMA, 0.05)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(TableError, match="cannot be read as parquet"):
        read_table(tmp_path / "broken.parquet", dataset, CUSTOMER_SCHEMA, 0.05)


def test_separator_decimal_mark_and_encoding_can_be_declared(read, dataset):
    csv = dataset.csv.model_copy(
        update={"separator": ";", "decimal": ",", "encoding": "iso-8859-1"}
    )
    text = HEADER.replace(",", ";") + "Müller;40;3;20,5;61,5;gone;x\nc;40;3;1.020,5;;gone;x\n"
    table = read(text, changes={"csv": csv}, encoding="iso-8859-1")
    assert table.customers["customer_id"].tolist() == ["Müller"]
    assert table.customers["monthly_charges"].tolist() == [20.5]
    assert table.rejected["rule"].tolist() == ["float_parsing"]
    with pytest.raises(TableError, match=r"is not encoded in UTF-8; .*\[csv\] encoding"):
        read(text, encoding="iso-8859-1")
    unknown = CsvFormat(encoding="utf-9")
    with pytest.raises(TableError, match="encoding 'utf-9' does not exist"):
        read(text, changes={"csv": unknown})


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_separator_that_the_descriptor_does_not_set_is_detected(read, separator):
    table = read((HEADER + GOOD).replace(",", separator))
    assert len(table.customers) == 2
    assert table.dataset.csv.separator == separator


@pytest.mark.parametrize("rows", [GOOD, "c3,40,3,20.5,61.5,gone,a;b\n" * 20 + GOOD])
def test_a_separator_that_the_descriptor_sets_is_never_replaced(read, rows):
    declared = {"csv": CsvFormat(separator=",")}
    with pytest.raises(
        TableError, match=r'not separated by .,.; \[csv\] separator = ";" would fit'
    ):
        read((HEADER + rows).replace(";", " ").replace(",", ";"), changes=declared)
    assert read(HEADER + rows, changes=declared).rejected_rows == 0


def test_a_decimal_comma_in_an_uneven_first_column_is_not_a_separator(read):
    table = read(HEADER.replace(",", ";") + "c1;40;3;20,5;61,5;gone;x\nc2;50;13;30;;here;y\n")
    assert table.customers["monthly_charges"].tolist() == [20.5, 30.0]


def test_a_byte_order_mark_and_blanks_around_headers_are_ignored(read):
    table = read("\ufeff" + HEADER.replace(",", " ,") + GOOD)
    assert len(table.customers) == 2


def test_parquet_keeps_its_types(tmp_path, dataset):
    rows = {
        "Id": [7, 8, 9],
        "Age": pd.array([40, None, 50], dtype="Int64"),
        "Months": [3.0, 4.0, 5.5],
        "Monthly": ["20.5", "30", "x"],
        "Total": [None, 1.0, 2.0],
        "Status": [1, 0, 0],
    }
    pd.DataFrame(rows).to_parquet(tmp_path / "table.parquet")
    table = read_table(tmp_path / "table.parquet", dataset, CUSTOMER_SCHEMA, 1.0)
    assert table.customers["customer_id"].tolist() == ["7"]
    assert table.churned.tolist() == [1]
    assert table.rejected[["row", "rule"]].to_numpy().tolist() == [
        [1, "missing"],
        [2, "int_from_float"],
        [2, "float_parsing"],
    ]


def test_booleans_and_categories_are_read(tmp_path):
    (tmp_path / "rich.toml").write_text(
        'name = "rich"\n[columns]\nkey = "k"\nvisits = "v"\nactive = "a"\nplan = "p"\n'
        '[target]\ncolumn = "y"\nchurned = ["yes"]\nkept = ["no"]\n'
    )
    (tmp_path / "rich.csv").write_text(
        "k,v,a,p,y\n1,3,Yes,plus,no\n2,3,x,plus,no\n3,3,no,PLUS,yes\n"
    )
    schema = RecordSchema.from_model(Rich)
    dataset = load_dataset(tmp_path / "rich.toml", schema)
    table = read_table(tmp_path / "rich.csv", dataset, schema, 1.0)
    assert table.customers["plan"].tolist() == ["plus"]
    assert table.customers["active"].tolist() == [True]
    assert table.rejected["rule"].tolist() == ["bool_parsing", "literal_error"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.replace('age = "Age"\n', ""), "no column for the required field 'age'"),
        (lambda t: t.replace("age =", "agee ="), "'agee' is not a field. Did you mean 'age'"),
        (lambda t: t.replace('"gone", 1', '"here", 1'), r"lists \['here'\] with two meanings"),
        (
            lambda t: t.replace("[target]", "[targets]"),
            r"\[targets\] is not a known setting. Did you mean 'target'",
        ),
        (lambda t: t.replace('churned = ["gone", 1]', "churned = []"), "target.churned"),
        (lambda t: t[:40], "target: Field required|is not valid TOML"),
        (lambda t: "name = ", "is not valid TOML"),
    ],
)
def test_an_invalid_descriptor_is_one_line_that_says_what_to_correct(tmp_path, change, complaint):
    path = tmp_path / "dataset.toml"
    path.write_text(change(TOML))
    with pytest.raises(TableError, match=complaint) as caught:
        load_dataset(path, CUSTOMER_SCHEMA)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_descriptor_is_an_error(tmp_path):
    with pytest.raises(TableError, match="cannot be read"):
        load_dataset(tmp_path / "none.toml", CUSTOMER_SCHEMA)


def test_weights_and_split_dates_come_from_columns_of_the_file(tmp_path, dataset):
    path = tmp_path / "table.csv"
    rows = [
        "c1,40,3,20.5,61.5,gone,2.5,2026-01-31",
        "c2,50,13,30,,here,1,2026-02-01T10:00:00Z",
        "c3,50,13,30,,here,0,2026-02-01",
        "c4,50,13,30,,here,1,yesterday",
    ]
    path.write_text("Id,Age,Months,Monthly,Total,Status,Copies,Signed\n" + "\n".join(rows))
    table = read_table(path, dataset, CUSTOMER_SCHEMA, 1.0, weight="Copies", split_by="Signed")
    assert table.weights.tolist() == [2.5, 1.0]
    assert table.churn_rate == pytest.approx(2.5 / 3.5)
    assert table.dates.astype(str).tolist() == ["2026-01-31", "2026-02-01"]
    assert table.rejected[["row", "column", "reason", "cell"]].to_numpy().tolist() == [
        [2, "Copies", "is not a number above 0", "0"],
        [3, "Signed", "is not a date such as 2026-01-31", "yesterday"],
    ]
    with pytest.raises(TableError, match=r"no column 'Copy' \(--weight\). Did you mean 'Copies'"):
        read_table(path, dataset, CUSTOMER_SCHEMA, 1.0, weight="Copy")
    with pytest.raises(
        TableError, match=r"no column 'Singed' \(--split-by\). Did you mean 'Signed'"
    ):
        read_table(path, dataset, CUSTOMER_SCHEMA, 1.0, split_by="Singed")
