"""A cell is read everywhere as it was in training: marks, sentinels, and formats of each column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from batch.score import main as score
from serving.api.tabular import CSV, PARQUET, read
from serving.served_model import load_model
from tests.integration.conftest import SMALL_FIT, call, working_in
from training.promote import main as promote
from training.recalibrate import main as recalibrate
from training.train import main as train

ROWS = 1500
AS_OF = "2026-01-31"
FLAGS = ("--data", "raw.csv", "--id", "Id", "--target", "Left=yes", "--as-of", AS_OF)
FLAGS += ("--missing", "Age=-999")


def clean_table() -> pd.DataFrame:
    """Customers as values: numbers, dates in ISO format, and None for missing."""
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"Id": [f"K{i}" for i in range(ROWS)]})
    table["Age"] = pd.array(rng.integers(18, 90, ROWS), dtype="Int64")
    table["Charge"] = rng.uniform(5, 3000, ROWS).round(2)
    table["Share"] = rng.integers(0, 100, ROWS)
    table["Gb"] = rng.uniform(0, 50, ROWS).round(1)
    table["Offer"] = rng.choice(["None", "A", "B"], ROWS)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 2000, ROWS), unit="D")
    table["Signed"] = days.strftime("%Y-%m-%d")
    for name, share in (("Age", 0.05), ("Gb", 0.3)):
        table.loc[rng.random(ROWS) < share, name] = None
    risk = table["Charge"] / 1500 - 1.5 + table["Gb"].isna() * 1.5 + (table["Offer"] == "None")
    table["Left"] = np.where(rng.random(ROWS) < 1 / (1 + np.exp(-risk)), "yes", "no")
    return table


def as_written(table: pd.DataFrame) -> pd.DataFrame:
    """The same customers as a spreadsheet writes them."""
    written = pd.DataFrame({"Id": table["Id"], "Offer": table["Offer"], "Left": table["Left"]})
    written["Age"] = ["-999.0" if pd.isna(age) else str(age) for age in table["Age"]]
    written["Charge"] = [f"${charge:,.2f}" for charge in table["Charge"]]
    written["Share"] = [f"{share} %" for share in table["Share"]]
    written["Gb"] = ["None" if pd.isna(gb) else str(gb) for gb in table["Gb"]]
    written["Signed"] = pd.to_datetime(table["Signed"]).dt.strftime("%d/%m/%Y")
    return written


@pytest.fixture(scope="module")
def home(tmp_path_factory, empty_database):
    """A model that was trained on the written table."""
    folder = tmp_path_factory.mktemp("cells")
    (folder / "mlflow.db").write_bytes(empty_database.read_bytes())
    as_written(clean_table()).to_csv(folder / "raw.csv", index=False)
    done = call(train, *FLAGS, *SMALL_FIT, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "1,500 used" in done.stdout
    return folder


@pytest.fixture(scope="module")
def served(home):
    with working_in(home):
        return load_model("models:/churn/1")


@pytest.fixture(scope="module")
def expected(served):
    """The probabilities of the customers as values."""
    table = clean_table().drop(columns="Left").astype(object)
    records = table.where(table.notna(), None).to_dict("records")
    scores = served.scorer.score(records, as_of=AS_OF)
    assert scores.valid.all()
    return scores.probability


def test_rest_csv_reads_the_written_table_as_training_did(home, served, expected):
    body = (home / "raw.csv").read_bytes()
    checked = read(
        body,
        CSV,
        served.scorer.schema,
        max_rows=ROWS,
        max_decoded=2**24,
        descriptor=served.table,
    )
    assert checked.valid.all(), checked.errors.counts()
    found = served.scorer.score_columns(checked, as_of=AS_OF).probability
    np.testing.assert_array_equal(found, expected)


def test_rest_parquet_has_the_same_missing_values(served, expected, tmp_path):
    typed = clean_table().drop(columns="Left")
    typed["Age"] = typed["Age"].fillna(-999).astype("int64")
    typed.to_parquet(tmp_path / "t.parquet")
    checked = read(
        (tmp_path / "t.parquet").read_bytes(),
        PARQUET,
        served.scorer.schema,
        max_rows=ROWS,
        max_decoded=2**24,
        descriptor=served.table,
    )
    assert checked.valid.all(), checked.errors.counts()
    found = served.scorer.score_columns(checked, as_of=AS_OF).probability
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("form", ["csv", "parquet", "columns"])
def test_batch_scoring_reads_the_written_table_as_training_did(
    home, served, expected, tmp_path, form
):
    flags = ("-m", "models:/churn/1", "--engine", "local", "--as-of", AS_OF)
    flags += ("--output-format", "parquet")
    source = tmp_path / f"in.{'parquet' if form == 'parquet' else 'csv'}"
    raw = pd.read_csv(home / "raw.csv", dtype=str, keep_default_na=False)
    if form == "columns":  # a table with other names, described by its names only
        raw = raw.rename(columns={"Charge": "Monthly"})
        columns = {name: name for name in ("Id", "Age", "Share", "Gb", "Offer", "Signed")}
        lines = [f'{field} = "{name}"' for field, name in columns.items()]
        text = "\n".join(["[columns]", *lines, 'Charge = "Monthly"'])
        (tmp_path / "columns.toml").write_text(text)
        flags += ("--columns", str(tmp_path / "columns.toml"))
    if form == "parquet":
        values = clean_table().drop(columns="Left")
        values["Age"] = values["Age"].fillna(-999).astype("float64")
        values["Signed"] = raw["Signed"]  # a date as a formatted string
        values.to_parquet(source)
    else:
        raw.to_csv(source, index=False)
    done = call(score, *flags, "--input", source, "--output", tmp_path / "out", cwd=home)
    assert done.returncode == 0, done.stderr
    scored = pd.read_parquet(tmp_path / "out" / "scored").set_index("Id")["churn_probability"]
    np.testing.assert_array_equal(scored[clean_table()["Id"]].to_numpy(), expected)


def test_promotion_reads_fresh_customers_in_the_same_way(home):
    fresh = as_written(clean_table()).sample(frac=0.9, random_state=1)
    fresh.to_csv(home / "fresh.csv", index=False)
    done = call(train, *FLAGS, *SMALL_FIT, "--seed", 5, cwd=home)
    assert "--missing Age=-999" in done.stdout, done.stdout
    done = call(promote, "--data", "fresh.csv", *FLAGS[2:], cwd=home)
    assert done.returncode in (0, 2), done.stderr
    assert "0 rejected" in done.stdout


def test_promotion_and_recalibration_need_no_flags_to_read_what_training_read(home):
    """Each version remembers that -999 means missing."""
    other = clean_table().assign(Id=[f"F{i}" for i in range(ROWS)])
    other["Charge"] = (other["Charge"] * 0.9).round(2)
    as_written(other).to_csv(home / "other.csv", index=False)
    flags = ("--data", "other.csv", *FLAGS[2:-2])
    done = call(recalibrate, *flags, cwd=home)
    assert done.returncode == 0, done.stderr
    assert "0 rejected" in done.stdout
    with working_in(home):
        versions = [load_model(f"models:/churn@{alias}") for alias in ("champion", "challenger")]
    assert versions[0].table.missing_in == versions[1].table.missing_in
    assert versions[1].table.missing_in["Age"] == ["-999"]
    done = call(promote, *flags, cwd=home)
    assert done.returncode in (0, 2), done.stderr
    assert "0 rejected" in done.stdout
