"""The command: what it writes, refuses, and leaves behind when it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import mlflow
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet
import pytest
from pyspark.sql import functions as F  # noqa: N812

from pyfunc import registry as models
from pyfunc.signature import signature
from pyfunc.spark_types import result_type
from tests.integration.batch.conftest import command, rows
from tests.integration.conftest import ROOT, clean_environment
from training.data.simulator import simulate


@pytest.fixture
def customers():
    frame = simulate(300, seed=21).customers
    frame["region"] = ["north", "south", None] * 100
    return frame


@pytest.fixture
def source(customers, tmp_path):
    """Two files, ten rows of which have an impossible charge."""
    customers.loc[:9, "monthly_charges"] = -1.0
    folder = tmp_path / "in"
    folder.mkdir()
    customers[:200].to_parquet(folder / "a.parquet")
    customers[200:].to_parquet(folder / "b.parquet")
    return folder


def test_every_row_is_accounted_for_and_stamped(engine, source, tmp_path, capsys, customers):
    out = tmp_path / "out"
    code, summary, _ = command(engine, capsys, source, out, "--explain")
    assert code == 0
    assert (summary["rows"], summary["scored"], summary["rejected"]) == (300, 290, 10)
    assert summary["reasons"] == {"monthly_charges:greater_than_equal": 10}
    assert summary["model"] == {"name": "churn", "version": "1"}
    assert json.loads(next(out.glob("_summary-*.json")).read_text()) == summary
    scored = rows(out, "scored")
    expected = models.load().predict(customers[10:].drop(columns="region"), {"explain": True})
    assert [row["customer_id"] for row in scored] == expected["customer_id"].tolist()
    assert [row["churn_probability"] for row in scored] == pytest.approx(
        expected["churn_probability"].tolist(), abs=1e-12
    )
    for row, wanted in zip(scored, expected["reasons"], strict=True):
        for found, reason in zip(row["reasons"], wanted, strict=True):
            text = None if reason["value"] is None else str(reason["value"])
            assert (found["feature"], found["value"]) == (reason["feature"], text)
            assert found["effect"] == pytest.approx(reason["effect"])
    for row in scored:
        assert (row["model_name"], row["model_version"]) == ("churn", "1")
        assert row["scored_at"].isoformat()[:19] == summary["scored_at"][:19]
    rejected = rows(out, "rejected")
    assert [row["customer_id"] for row in rejected] == customers["customer_id"][:10].tolist()
    assert {row["error"] for row in rejected} == {"monthly_charges: must be at least 0"}
    assert {row["region"] for row in rejected} == {"north", "south", None}
    assert not list(tmp_path.glob("out.partial*"))


@pytest.mark.parametrize("form", ["csv", "json"])
def test_other_formats_hold_the_same(engine, form, source, tmp_path, capsys):
    out = tmp_path / "out"
    code, summary, _ = command(
        engine, capsys, source, out, "--explain", "--format", "parquet", "--output-format", form
    )
    assert (code, summary["scored"], summary["rejected"]) == (0, 290, 10)
    scored, rejected = rows(out, "scored", form), rows(out, "rejected", form)
    assert (len(scored), len(rejected)) == (290, 10)
    reasons = scored[0]["reasons"]
    reasons = json.loads(reasons) if form == "csv" else reasons
    assert set(reasons[0]) == {"feature", "value", "effect"}
    assert rejected[0]["error"] == "monthly_charges: must be at least 0"


def test_partitions(engine, source, tmp_path, capsys):
    out = tmp_path / "out"
    code, _, _ = command(engine, capsys, source, out, "--partition-by", "region")
    assert code == 0
    run = next((out / "scored").iterdir())
    folders = {path.name for path in run.iterdir() if path.is_dir()}
    assert folders == {"region=north", "region=south", "region=__HIVE_DEFAULT_PARTITION__"}
    table = ds.dataset(out / "scored", partitioning="hive").to_table()
    assert table.num_rows == 290
    code, _, complaint = command(engine, capsys, source, tmp_path / "o2", "--partition-by", "x")
    assert code == 1
    assert "x" in complaint


def test_an_output_is_kept_added_to_or_replaced_as_told(engine, source, tmp_path, capsys):
    out = tmp_path / "out"
    assert command(engine, capsys, source, out)[0] == 0
    code, _, complaint = command(engine, capsys, source, out)
    assert code == 1
    assert "--mode append" in complaint
    assert len(rows(out, "scored")) == 290
    assert command(engine, capsys, source, out, "--mode", "append")[0] == 0
    assert len(rows(out, "scored")) == 580
    assert len({row["run"] for row in rows(out, "scored")}) == 2
    assert command(engine, capsys, source / "b.parquet", out, "--mode", "overwrite")[0] == 0
    assert len(rows(out, "scored")) == 100
    assert not list(tmp_path.glob("out.partial*"))


def test_too_many_rejected_or_nothing_scored_is_2_and_still_whole(engine, tmp_path, capsys):
    frame = simulate(10, seed=1).customers
    frame["age"] = 300
    frame.to_parquet(tmp_path / "all.parquet")
    code, summary, complaint = command(engine, capsys, tmp_path / "all.parquet", tmp_path / "o")
    assert (code, summary["scored"], summary["rejected"]) == (2, 0, 10)
    assert "nothing was scored" in complaint
    assert len(rows(tmp_path / "o", "rejected")) == 10
    frame.loc[:7, "age"] = 30
    frame.to_parquet(tmp_path / "some.parquet")
    flags = ["--max-rejected", 0.1]
    code, _, complaint = command(engine, capsys, tmp_path / "some.parquet", tmp_path / "o2", *flags)
    assert code == 2
    assert "20.0% rejected" in complaint


def test_a_corrupt_file_is_named_and_leaves_nothing(engine, source, tmp_path, capsys):
    whole = (source / "b.parquet").read_bytes()
    # its footer is right, so that it is found out only when its rows are read
    (source / "b.parquet").write_bytes(whole[:8] + b"\xff" * 2000 + whole[2008:])
    code, _, complaint = command(engine, capsys, source, tmp_path / "out")
    assert code == 1
    assert "b.parquet" in complaint
    assert complaint.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob("out.partial*"))


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["-m", "models:/churn@nobody"], "train and register one"),
        (["--columns", "none.toml"], "none.toml: cannot be read"),
        (["--input", "nothing.parquet"], "nothing.parquet"),
        (["--partition-by", "customer_id"], "is a column of the results already"),
        (["--threshold", "2"], "is a number from 0 to 1"),
    ],
)
def test_what_cannot_work_is_one_line(engine, source, tmp_path, capsys, flags, complaint):
    code, _, said = command(engine, capsys, source, tmp_path / "out", *flags)
    assert code == 1
    assert complaint in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_a_missing_column_is_named_with_those_that_are_there(engine, tmp_path, capsys):
    simulate(5).customers.rename(columns={"age": "Years"}).to_parquet(tmp_path / "t.parquet")
    code, _, said = command(engine, capsys, tmp_path / "t.parquet", tmp_path / "out")
    assert code == 1
    assert "no column 'age'" in said
    assert "'Years'" in said
    (tmp_path / "t.toml").write_text(
        "[columns]\n"
        + "".join(f"{n} = '{n}'\n" for n in ("customer_id", "tenure"))
        + "age = 'Years'\nmonthly_charges = 'monthly_charges'\n"
    )
    flags = ["--columns", tmp_path / "t.toml"]
    assert command(engine, capsys, tmp_path / "t.parquet", tmp_path / "out", *flags)[0] == 0


def test_tables_of_a_catalog(spark, source, tmp_path, capsys):
    spark.sql("DROP TABLE IF EXISTS people")
    spark.read.parquet(str(source)).write.saveAsTable("people")
    flags = ["--format", "table"]
    try:
        code, summary, _ = command("spark", capsys, "people", "results", *flags)
        assert (code, summary["scored"], summary["rejected"]) == (0, 290, 10)
        assert command("spark", capsys, "people", "results", *flags)[0] == 1
        assert command("spark", capsys, "people", "results", *flags, "--mode", "append")[0] == 0
        assert spark.table("results_scored").count() == 580
        assert command("spark", capsys, "people", "results", *flags, "--mode", "overwrite")[0] == 0
        assert spark.table("results_scored").count() == 290
        assert spark.table("results_rejected").count() == 10
        names = {table.name for table in spark.catalog.listTables()}
        assert not any("partial" in name for name in names)
    finally:
        for name in ("people", "results_scored", "results_rejected"):
            spark.sql(f"DROP TABLE IF EXISTS {name}")
    assert command("local", capsys, "people", tmp_path / "o", *flags)[0] == 1


def test_what_was_killed_looks_like_nothing_and_is_done_right_the_next_time(
    engine, registry, tmp_path, capsys
):
    table = pa.Table.from_pandas(simulate(100_000, seed=2).customers)
    (tmp_path / "in").mkdir()
    for number in range(20):
        pyarrow.parquet.write_table(table, tmp_path / "in" / f"{number:02}.parquet")
    out = tmp_path / "out"
    arguments = ["--engine", engine, "--input", tmp_path / "in", "--output", out]
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, ROOT / "scripts" / "score_batch.py", *map(str, arguments)],
            cwd=tmp_path,
            env=clean_environment() | {"MLFLOW_TRACKING_URI": registry.uri},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + 120
    while not any(f.stat().st_size for f in tmp_path.glob("out.partial*/**/*.parquet")):
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not out.exists()
    assert list(tmp_path.glob("out.partial*"))
    code, summary, _ = command(engine, capsys, tmp_path / "in", out)
    assert (code, summary["rows"], summary["scored"]) == (0, 2_000_000, 2_000_000)
    assert not list(tmp_path.glob("out.partial*"))


def test_the_udf_works_directly_on_a_clean_table(spark, registry, customers):
    schema = models.load().unwrap_python_model().scorer.schema
    names = [column.name for column in schema]
    table = spark.createDataFrame(
        customers.drop(columns="region")
        .astype(object)
        .where(customers.drop(columns="region").notna(), None),
        signature(schema).inputs.as_spark_schema(),
    )
    expected = models.load().predict(customers, {"explain": True, "threshold": 0.3})
    udf = mlflow.pyfunc.spark_udf(
        spark,
        "models:/churn@champion",
        result_type=result_type(schema, explain=True),
        params={"explain": True, "threshold": 0.3},
    )
    for arguments in (names, [F.struct(*names)]):
        found = table.select(udf(*arguments).alias("s")).select("s.*").collect()
        assert [row["churn_probability"] for row in found] == pytest.approx(
            expected["churn_probability"].tolist(), abs=1e-12
        )
        assert [row["churn_prediction"] for row in found] == expected["churn_prediction"].tolist()
        assert [len(row["reasons"]) for row in found] == expected["reasons"].map(len).tolist()


def test_the_udf_reports_bad_rows_in_their_place(spark, registry):
    schema = models.load().unwrap_python_model().scorer.schema
    udf = mlflow.pyfunc.spark_udf(
        spark,
        "models:/churn@champion",
        result_type=result_type(schema, on_invalid="report"),
        params={"on_invalid": "report"},
    )
    ages = [(f"c{i}", age, 12, 70.5, None) for i, age in enumerate((42, 300, 43))]
    table = spark.createDataFrame(ages, signature(schema).inputs.as_spark_schema()).coalesce(1)
    scores = table.select(udf(*(c.name for c in schema)).alias("s")).select("s.*")
    # MLflow writes a text that is missing as "None" where others of its batch are not
    found = scores.withColumn("error", F.nullif("error", F.lit("None"))).collect()
    assert [row["error"] for row in found] == [None, "age: must be at most 120", None]
    assert [row["churn_probability"] is None for row in found] == [False, True, False]
    assert [row["churn_prediction"] is None for row in found] == [False, True, False]
