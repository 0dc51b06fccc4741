import re

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from churn_model.errors import TableError
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.reading import batches
from churn_model.tables.reading.source import Source
from tests.unit.training.sampling.tables import customers, read, write
from training.arguments.train import train_options
from training.data.table import describe_rejected
from training.sampling.files import FileReader
from training.terminal import as_typed
from training.training_data import read_training_data

SAMPLE = ("--sample", "2000")


def by_customer(table):
    return table.customers.sort_values("customer_id", ignore_index=True)


def test_a_folder_gives_the_same_schema_and_rows_as_one_file(tmp_path):
    frame = customers()
    frame.to_csv(tmp_path / "one.csv", index=False)
    one = read(tmp_path / "one.csv")
    many = read(write(frame, tmp_path / "many"))
    assert many.schema == one.schema
    assert many.assumed == one.assumed
    assert many.table.target == one.table.target
    assert many.table.summary() == one.table.summary().replace("one", "many")
    assert_frame_equal(by_customer(many.table), by_customer(one.table))
    assert (many.table.weights == 1).all()


def test_the_sample_depends_neither_on_files_nor_on_batches_nor_on_the_format(
    tmp_path, monkeypatch
):
    frame = customers()
    first = read(write(frame, tmp_path / "a"), *SAMPLE)
    monkeypatch.setattr(batches, "ROWS", 1500)
    others = [
        read(write(frame, tmp_path / "b", files=5, order=-1), *SAMPLE),
        read(write(frame, tmp_path / "c", files=2, kind="parquet", order=-1), *SAMPLE),
    ]
    assert 1500 < len(first.table.churned) <= 2000
    for other in others:
        assert other.schema == first.schema
        assert_frame_equal(other.table.customers, first.table.customers)
        assert (other.table.churned == first.table.churned).all()


def test_one_large_file_is_sampled_as_a_folder_is(tmp_path):
    frame = customers()
    frame.to_parquet(tmp_path / "one.parquet", index=False)
    one = read(tmp_path / "one.parquet", *SAMPLE)
    many = read(write(frame, tmp_path / "many"), *SAMPLE)
    assert_frame_equal(one.table.customers, many.table.customers)


def test_a_pattern_selects_files(tmp_path):
    folder = write(customers(3000), tmp_path / "a")
    (folder / "notes.txt").write_text("not a table")
    assert read(f"{folder}/part-[01].csv").table.rows == 2000
    with pytest.raises(TableError, match=r"notes\.txt: is neither \.csv nor \.parquet"):
        read(folder)
    with pytest.raises(TableError, match="no file matches"):
        read(f"{folder}/part-9*.csv")


def test_a_pattern_does_not_cross_folders_unless_it_says_so(tmp_path):
    write(customers(300), tmp_path / "a", files=1)
    write(customers(300, seed=4), tmp_path / "a" / "below", files=1)
    assert read(f"{tmp_path}/a/*.csv").table.rows == 300
    assert read(f"{tmp_path}/a/**/*.csv").table.rows == 600


def test_values_in_the_names_of_folders_are_a_column(tmp_path):
    (tmp_path / "t").mkdir()
    write(customers(1000), tmp_path / "t" / "region=north", files=1)
    write(customers(1000, seed=4), tmp_path / "t" / "region=south", files=1)
    found = read(tmp_path / "t")
    assert {column.name: column.levels for column in found.schema}["region"] == ("north", "south")


def test_all_rows_of_a_customer_are_sampled_together(tmp_path):
    frame = pd.concat([customers()] * 3, ignore_index=True)
    frame["tenure"] += np.repeat([0, 1, 2], 6000)
    table = read(write(frame, tmp_path / "a"), *SAMPLE).table
    assert (table.customers.groupby("customer_id").size() == 3).all()
    assert 1500 < len(table.churned) <= 2000
    assert table.size == pytest.approx(6000, rel=0.1)


def test_an_identifier_that_is_found_by_its_name_keeps_customers_together(tmp_path):
    frame = pd.concat([customers()] * 3, ignore_index=True)
    frame["tenure"] += np.repeat([0, 1, 2], 6000)
    folder = write(frame, tmp_path / "a")
    flags = ["--data", str(folder), "--target", "churned=1", *SAMPLE]
    table = read_training_data(train_options(flags)).table
    assert (table.customers.groupby("customer_id").size() == 3).all()


def test_without_identifier_copies_of_a_row_are_one_customer(tmp_path):
    frame = (
        customers().drop(columns="customer_id").assign(usage=np.random.default_rng(0).random(6000))
    )
    folder = write(pd.concat([frame, frame], ignore_index=True), tmp_path / "a")
    flags = ["--data", str(folder), "--target", "churned=1", *SAMPLE]
    table = read_training_data(train_options(flags)).table
    assert len(table.churned) == 2 * table.customers_of_rows.n


def rare(rows=16_000):
    """Customers of whom 2.5 % churn."""
    frame = customers(rows)
    stays = (frame["churned"] == 1) & (np.arange(rows) % 10 != 0)
    return frame[~stays].reset_index(drop=True)


def test_rare_churners_are_sampled_more_often_and_weighted_less(tmp_path):
    frame = rare()
    table = read(write(frame, tmp_path / "a"), "--sample", "1500").table
    rate = frame["churned"].mean()
    assert rate < 0.05
    assert table.churned.mean() == pytest.approx(0.2, abs=0.03)
    assert table.churn_rate == pytest.approx(rate, rel=1e-9)
    assert table.weights.mean() == pytest.approx(1)
    assert len(np.unique(table.weights)) == 2
    mean = np.average(table.customers["tenure"], weights=table.weights)
    assert mean == pytest.approx(frame["tenure"].mean(), rel=0.06)
    assert table.size == pytest.approx(len(frame), rel=0.1)


def test_rare_churners_of_repeated_customers_come_with_all_of_their_rows(tmp_path):
    frame = pd.concat([rare().assign(month=month) for month in range(4)], ignore_index=True)
    frame.loc[frame["month"] < 3, "churned"] = 0
    table = read(write(frame, tmp_path / "a"), "--sample", "4000").table
    assert (table.customers.groupby("customer_id").size() == 4).all()
    assert len(table.churned) <= 4300
    assert table.churned.mean() > 3 * frame["churned"].mean()
    assert table.churn_rate == pytest.approx(frame["churned"].mean(), rel=1e-9)


def test_every_row_is_checked_and_counted(tmp_path):
    frame = customers()
    frame["age"] = frame["age"].astype(str)
    frame.loc[::100, "age"] = "-5"
    frame.loc[1::200, "churned"] = None
    frame["churned"] = frame["churned"].astype("Int64")
    found = read(write(frame, tmp_path / "a"), *SAMPLE, "--schema", _schema(tmp_path))
    table = found.table
    assert (table.rows, table.rejected_rows, table.unlabelled_rows) == (6000, 60, 30)
    assert table.population.rows == 6000 - 60 - 30
    assert table.population.invalid_records == 60
    assert re.search(r"age \(column 'age'\) .*: 60 rows", describe_rejected(table))
    assert len(table.rejected) == 60
    with pytest.raises(TableError, match="60 of 5970 rows"):
        read(tmp_path / "a", "--schema", str(tmp_path / "s.json"), "--max-rejected", "0.001")


def _schema(folder):
    import json

    from churn_model.schema import CUSTOMER_SCHEMA

    (folder / "s.json").write_text(json.dumps(CUSTOMER_SCHEMA.to_json_schema()))
    return str(folder / "s.json")


def test_a_row_with_too_many_cells_is_rejected(tmp_path):
    folder = write(customers(3000), tmp_path / "a")
    with (folder / "part-1.csv").open("a") as file:
        file.write("C9,30,1,20.0,20.0,0,one more\n")
    table = read(folder).table
    assert (table.rows, table.rejected_rows) == (3001, 1)
    assert "has more or fewer cells than the header: 1 rows" in describe_rejected(table)


def test_a_value_of_the_target_that_is_in_one_row_only_is_known(tmp_path):
    frame = customers()
    frame["churned"] = frame["churned"].map({0: "no", 1: "yes"})
    frame.loc[4321, "churned"] = "fraud"
    folder = write(frame, tmp_path / "a")
    flags = ["--data", str(folder), "--id", "customer_id", *SAMPLE]
    flags += ["--target", "churned=yes", "--target", "churned=fraud"]
    table = read_training_data(train_options(flags)).table
    assert "fraud (1)" in table.target


def test_the_last_day_of_all_files_says_which_windows_have_ended(tmp_path):
    frame = customers().assign(seen="2026-01-31")
    frame.loc[10, "seen"] = "2026-03-15"
    table = read(write(frame, tmp_path / "a"), *SAMPLE, "--as-of", "seen", "--window", "30D").table
    assert table.immature_rows == 1
    assert str(table.observation.known_until) == "2026-03-15"


def test_days_are_read_in_one_format_in_all_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "ROWS", 2500)
    frame = customers().assign(seen="03/02/2026")
    frame.loc[5999, "seen"] = "25/02/2026"  # the only one that is no month and day
    table = read(write(frame, tmp_path / "a", kind="parquet"), "--as-of", "seen").table
    assert sorted(map(str, np.unique(table.observed))) == ["2026-02-03", "2026-02-25"]


def test_a_column_of_few_values_cannot_identify_customers(tmp_path):
    folder = write(customers().assign(group="a"), tmp_path / "a")
    flags = ["--data", str(folder), "--target", "churned=1", "--id", "group", *SAMPLE]
    with pytest.raises(TableError, match="'group' has too few different values"):
        read_training_data(train_options(flags))


def test_a_column_that_is_named_like_an_identifier_but_is_none_is_not_sampled_by(tmp_path):
    frame = customers().drop(columns="customer_id").assign(account_code="standard")
    folder = write(frame, tmp_path / "a")
    flags = ["--data", str(folder), "--target", "churned=1", *SAMPLE]
    assert 1500 < len(read_training_data(train_options(flags)).table.churned) <= 2000


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (
            lambda folder: (folder / "x.parquet").write_bytes(b"x"),
            r"contains .csv and .parquet files; name the files of one kind, as in '.*/a/\*.csv'",
        ),
        (lambda folder: (folder / "_delta_log").mkdir(), "is a Delta table"),
        (lambda folder: (folder / "part-9.csv").write_text("a,b\n1,2\n"), "header differs"),
        (lambda folder: [file.unlink() for file in folder.iterdir()], "contains no file"),
        (lambda folder: [file.write_text("") for file in folder.iterdir()], "no csv file"),
        (
            lambda folder: [f.write_text("customer_id,churned\n") for f in folder.iterdir()],
            "no rows",
        ),
    ],
)
def test_a_folder_that_is_no_table_is_rejected(tmp_path, prepare, message):
    folder = write(customers(300), tmp_path / "a")
    prepare(folder)
    with pytest.raises(TableError, match=message):
        read(folder)


def test_a_folder_with_another_file_is_rejected_with_a_pattern_that_leaves_it_out(tmp_path):
    customers(300).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "README.txt").write_text("about")
    with pytest.raises(TableError, match=r"README.txt: is neither .* as in '.*/\*\.parquet'"):
        read(tmp_path)
    assert read(f"{tmp_path}/*.parquet").table.rows == 300


def test_a_missing_folder_and_a_missing_column_are_named(tmp_path):
    for missing in ("none/*.csv", "none", "none/", "none.csv"):
        with pytest.raises(TableError, match="no such file"):
            read(f"{tmp_path}/{missing}")
    folder = write(customers(300).drop(columns="churned"), tmp_path / "a")
    with pytest.raises(TableError, match="churned"):
        read(folder)


def test_a_compressed_file_is_read(tmp_path):
    frame = customers(300)
    frame.to_csv(tmp_path / "a.csv.gz", index=False)
    assert read(tmp_path / "a.csv.gz").table.rows == 300


def test_a_url_is_read_as_the_folder_is(tmp_path):
    folder = write(customers(), tmp_path / "a")
    by_url, by_path = read(f"file://{folder}", *SAMPLE), read(folder, *SAMPLE)
    assert by_url.table.name == by_path.table.name == "a"
    assert_frame_equal(by_url.table.customers, by_path.table.customers)
    assert read(f"file://{folder}/part-[01].csv").table.rows == 4000


def test_a_table_that_grows_while_it_is_read_is_rejected(tmp_path, monkeypatch):
    folder = write(customers(3000), tmp_path / "a")
    check = FileReader.check

    def check_later(reader, checker):
        with (folder / "part-0.csv").open("a") as file:
            file.write("C9,30,1,20.0,20.0,0\n")
        return check(reader, checker)

    monkeypatch.setattr(FileReader, "check", check_later)
    with pytest.raises(TableError, match="had 3,000 rows at first and 3,001"):
        read(folder)


def test_credentials_of_a_url_are_not_stored():
    source = Source("s3://name:secret@bucket/a/?token=x1", "csv", CsvFormat())
    assert FileReader(source, []).path == "s3://***@bucket/a/?token=***"
    assert "secret" not in as_typed("churn train", ["--data", source.path])


def test_a_file_system_of_fsspec_is_read(tmp_path):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    folder = write(customers(3000), tmp_path / "a")
    for file in folder.iterdir():
        memory.pipe_file(f"/bucket/customers/{file.name}", file.read_bytes())
    by_url, by_path = read("memory://bucket/customers", *SAMPLE), read(folder, *SAMPLE)
    assert by_url.table.name == "customers"
    assert_frame_equal(by_url.table.customers, by_path.table.customers)
    assert read("memory://bucket/customers/part-[01].csv").table.rows == 2000


def test_a_url_without_a_file_system_is_rejected():
    with pytest.raises(TableError, match=r"no file system for nothing:// is installed"):
        read("nothing://bucket/customers/")
