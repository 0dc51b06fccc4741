"""``churn score``: what it writes, what it rejects, and what a killed run leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet
import pytest

from batch import writing
from batch.partitions import folder_name
from batch.spark_tables import OutputTables
from churn_model.errors import BatchError
from pyfunc import registry as models
from tests.integration.batch.conftest import command, rows
from tests.integration.conftest import ROOT, assert_one_line, clean_environment, run
from training.data.simulator import simulate

FILES = 16
ROWS_PER_FILE = {"local": 50_000, "spark": 2_000}  # enough to kill a run before it ends


@pytest.fixture
def customers():
    frame = simulate(300, seed=21).customers
    frame["region"] = ["north", "south", None] * 100
    return frame


@pytest.fixture
def source(customers, tmp_path):
    """Two files; ten of their rows have an invalid charge."""
    customers.loc[:9, "monthly_charges"] = -1.0
    folder = tmp_path / "in"
    folder.mkdir()
    customers[:200].to_parquet(folder / "a.parquet")
    customers[200:].to_parquet(folder / "b.parquet")
    return folder


def test_every_row_is_scored_or_rejected_and_names_its_model_version(
    engine, source, tmp_path, capsys, customers
):
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
        for actual, reason in zip(row["reasons"], wanted, strict=True):
            text = None if reason["value"] is None else str(reason["value"])
            assert (actual["feature"], actual["value"]) == (reason["feature"], text)
            assert actual["effect"] == pytest.approx(reason["effect"])
    for row in scored:
        assert (row["model_name"], row["model_version"]) == ("churn", "1")
        assert row["scored_at"].isoformat()[:19] == summary["scored_at"][:19]
    rejected = rows(out, "rejected")
    assert [row["customer_id"] for row in rejected] == customers["customer_id"][:10].tolist()
    assert {row["error"] for row in rejected} == {"monthly_charges: must be at least 0"}
    assert {row["region"] for row in rejected} == {"north", "south", None}
    assert not list(tmp_path.glob("out.partial*"))


@pytest.mark.parametrize("file_format", ["csv", "json"])
def test_csv_and_json_results_have_the_same_rows(engine, file_format, source, tmp_path, capsys):
    out = tmp_path / "out"
    code, summary, _ = command(
        engine,
        capsys,
        source,
        out,
        "--explain",
        "--format",
        "parquet",
        "--output-format",
        file_format,
    )
    assert (code, summary["scored"], summary["rejected"]) == (0, 290, 10)
    scored, rejected = rows(out, "scored", file_format), rows(out, "rejected", file_format)
    assert (len(scored), len(rejected)) == (290, 10)
    reasons = scored[0]["reasons"]
    reasons = json.loads(reasons) if file_format == "csv" else reasons
    assert set(reasons[0]) == {"feature", "value", "effect"}
    assert rejected[0]["error"] == "monthly_charges: must be at least 0"


def test_results_are_partitioned_by_columns_of_the_input(engine, source, tmp_path, capsys):
    out = tmp_path / "out"
    code, _, _ = command(engine, capsys, source, out, "--partition-by", "region")
    assert code == 0
    run = next((out / "scored").iterdir())
    folders = {path.name for path in run.iterdir() if path.is_dir()}
    assert folders == {"region=north", "region=south", "region=__HIVE_DEFAULT_PARTITION__"}
    table = ds.dataset(out / "scored", partitioning="hive").to_table()
    assert table.num_rows == 290
    code, _, stderr = command(engine, capsys, source, tmp_path / "o2", "--partition-by", "x")
    assert code == 1
    assert "x" in stderr


def test_partitions_are_named_as_hive_names_them(engine, customers, tmp_path, capsys):
    """The names are written out here, so that both engines have the same ones."""
    values = {
        "x/../../../../evil/pwned": "x%2F..%2F..%2F..%2F..%2Fevil%2Fpwned",
        "EU/West": "EU%2FWest",
        "a=b%": "a%3Db%25",
        "..": "..",
        "a b'\"#:?*\\{}[]^\n\x7f": "a b%27%22%23%3A%3F%2A%5C%7B}%5B%5D%5E%0A%7F",
        "客户🙂": "客户🙂",
        "": "__HIVE_DEFAULT_PARTITION__",
        None: "__HIVE_DEFAULT_PARTITION__",
    }
    numbers = {0.5: "0.5", 1e20: "1e+20", float("nan"): "NaN", float("-inf"): "-Infinity"}
    n = len(values)
    table = pa.Table.from_pandas(customers[:n].drop(columns="region"), preserve_index=False)
    table = table.append_column("k/", pa.array(values, pa.string()))
    floats = pa.array([*numbers, *numbers], pa.float64())
    pyarrow.parquet.write_table(table.append_column("f", floats), tmp_path / "t.parquet")
    out = tmp_path / "a" / "b" / "c" / "d" / "out"
    code, summary, _ = command(
        engine, capsys, tmp_path / "t.parquet", out, "--partition-by", "k/,f"
    )
    assert (code, summary["scored"]) == (0, n)
    run = next((out / "scored").iterdir())
    folders = {path.relative_to(run).parent.as_posix() for path in run.rglob("*.parquet")}
    pairs = zip(values.values(), [*numbers.values(), *numbers.values()], strict=True)
    assert folders == {f"k%2F={k}/f={f}" for k, f in pairs}
    assert {path.name for path in tmp_path.iterdir()} == {"a", "t.parquet"}
    schema = pa.schema([("k/", pa.string()), ("f", pa.string())])
    partitioning = ds.partitioning(schema, flavor="hive")
    read = ds.dataset(run, partitioning=partitioning).to_table().to_pylist()
    ids = customers["customer_id"].tolist()
    wanted = dict(zip(ids, [value or None for value in values], strict=False))
    assert {row["customer_id"]: row["k/"] for row in read} == wanted


def test_rows_that_were_not_written_are_an_error(registry, source, tmp_path, capsys, monkeypatch):
    partitions = writing._partitions
    monkeypatch.setattr(writing, "_partitions", lambda *given: list(partitions(*given))[1:])
    code, _, stderr = command("local", capsys, source, tmp_path / "out", "--partition-by", "region")
    assert code == 1
    assert_one_line(stderr)
    assert "300 rows were read, but " in stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("names", ["run", "_a", "a,a", "rules"])
def test_results_that_could_not_be_read_again_are_not_written(
    source, registry, tmp_path, capsys, names
):
    code, _, stderr = command("local", capsys, source, tmp_path / "out", "--partition-by", names)
    assert code == 1
    assert_one_line(stderr)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_folders_of_the_input_are_columns_that_are_read_like_csv_cells(
    engine, customers, tmp_path, capsys, file_format
):
    frame = customers[:6].drop(columns="region")
    frame["total_charges"] = ["846", "846.50", "", "1e2", "x", "007"]
    frame["customer_id"] = ["007", "a/b=c%", "客户", "7", "e", "f"]
    for row in frame.to_dict("records"):
        names = (folder_name(name, row.pop(name)) for name in ("customer_id", "total_charges"))
        folder = tmp_path.joinpath("in", *names)
        folder.mkdir(parents=True)
        if file_format == "csv":
            extra = "only one cell\n" if folder.name.endswith("=846") else ""
            lines = [",".join(row), ",".join(map(str, row.values())), extra]
            (folder / "part.csv").write_text("\n".join(lines))
        else:
            pyarrow.parquet.write_table(pa.Table.from_pylist([row]), folder / "part.parquet")
    flags = ["--format", file_format, "--output-format", "parquet", "--max-rejected", 1]
    code, _, stderr = command(engine, capsys, tmp_path / "in", tmp_path / "out", *flags)
    assert code == 0, stderr
    frame["total_charges"] = [846.0, 846.5, None, 100.0, None, 7.0]
    expected = models.load().predict(frame)
    wanted = dict(zip(expected["customer_id"], expected["churn_probability"], strict=True))
    del wanted["e"]
    scored = rows(tmp_path / "out", "scored")
    probabilities = {row["customer_id"]: row["churn_probability"] for row in scored}
    assert probabilities == pytest.approx(wanted, abs=1e-12)
    rejected = rows(tmp_path / "out", "rejected")
    uneven = {"007": ":csv_row"} if file_format == "csv" else {}
    rules = {row["customer_id"]: row["rules"] for row in rejected}
    assert rules == {"e": "total_charges:float_parsing"} | uneven
    assert {row["total_charges"] for row in rejected} == {"x"} | ({"846"} if uneven else set())


def test_folders_of_json_lines_are_not_fields(engine, customers, tmp_path, capsys):
    for name in ("month=1", "age=30"):
        folder = tmp_path / name.partition("=")[0] / name
        folder.mkdir(parents=True)
        customers[:3].drop(columns="region").to_json(
            folder / "a.json", orient="records", lines=True
        )
    flags = ["--format", "json"]
    assert command(engine, capsys, tmp_path / "month", tmp_path / "out", *flags)[0] == 0
    code, _, stderr = command(engine, capsys, tmp_path / "age", tmp_path / "out2", *flags)
    assert code == 1
    assert_one_line(stderr)
    assert "folders are named age=" in stderr


def test_the_mode_says_whether_an_output_is_kept_appended_to_or_overwritten(
    engine, source, tmp_path, capsys
):
    out = tmp_path / "out"
    assert command(engine, capsys, source, out)[0] == 0
    code, _, stderr = command(engine, capsys, source, out)
    assert code == 1
    assert "--mode append" in stderr
    assert len(rows(out, "scored")) == 290
    assert command(engine, capsys, source, out, "--mode", "append")[0] == 0
    assert len(rows(out, "scored")) == 580
    assert len({row["run"] for row in rows(out, "scored")}) == 2
    assert command(engine, capsys, source / "b.parquet", out, "--mode", "overwrite")[0] == 0
    assert len(rows(out, "scored")) == 100
    assert not list(tmp_path.glob("out.partial*"))


@pytest.mark.parametrize("place", ["the input", "inside the input", "around the input"])
def test_an_output_that_overlaps_with_the_input_is_rejected(
    engine, source, tmp_path, capsys, place
):
    outputs = {
        "the input": source,
        "inside the input": source / "out",
        "around the input": tmp_path,
    }
    out = outputs[place]
    (tmp_path / "link").symlink_to(source)
    for mode in ("append", "overwrite"):
        code, _, stderr = command(engine, capsys, tmp_path / "link", out, "--mode", mode)
        assert code == 1
        assert_one_line(stderr)
        assert "overlaps with the input" in stderr
    assert {path.name for path in source.iterdir()} == {"a.parquet", "b.parquet"}
    assert {path.name for path in tmp_path.iterdir()} == {"in", "link"}


def test_only_what_the_command_wrote_is_overwritten(engine, source, tmp_path, capsys):
    out = tmp_path / "out"
    assert command(engine, capsys, source, out)[0] == 0
    (out / "scored" / "notes.txt").write_text("mine")
    code, _, stderr = command(engine, capsys, source, out, "--mode", "overwrite")
    assert code == 1
    assert_one_line(stderr)
    assert "contains scored/notes.txt" in stderr
    assert (out / "scored" / "notes.txt").read_text() == "mine"
    (out / "scored" / "notes.txt").unlink()
    # each engine may replace what the other one wrote, with Hadoop's checksums
    assert command("local", capsys, source / "b.parquet", out, "--mode", "overwrite")[0] == 0
    assert len(rows(out, "scored")) == 100
    assert command(engine, capsys, source, out, "--mode", "overwrite")[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


def test_the_exit_code_is_2_if_too_many_rows_or_all_were_rejected(engine, tmp_path, capsys):
    frame = simulate(10, seed=1).customers
    frame["age"] = 300
    frame.to_parquet(tmp_path / "all.parquet")
    code, summary, stderr = command(engine, capsys, tmp_path / "all.parquet", tmp_path / "o")
    assert (code, summary["scored"], summary["rejected"]) == (2, 0, 10)
    assert "no row was scored" in stderr
    assert len(rows(tmp_path / "o", "rejected")) == 10
    frame.loc[:7, "age"] = 30
    frame.to_parquet(tmp_path / "some.parquet")
    flags = ["--max-rejected", 0.1]
    code, _, stderr = command(engine, capsys, tmp_path / "some.parquet", tmp_path / "o2", *flags)
    assert code == 2
    assert "20.0% of the rows were rejected" in stderr


def test_a_corrupt_file_is_named_and_no_output_is_left(engine, source, tmp_path, capsys):
    whole = (source / "b.parquet").read_bytes()
    # the footer is intact, so the error appears only when the rows are read
    (source / "b.parquet").write_bytes(whole[:8] + b"\xff" * 2000 + whole[2008:])
    code, _, stderr = command(engine, capsys, source, tmp_path / "out")
    assert code == 1
    assert "b.parquet" in stderr
    assert stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob("out.partial*"))


@pytest.fixture(params=["below a file", "not permitted", "full"])
def unwritable(request, tmp_path):
    """An output that cannot be written, and the reason."""
    (tmp_path / "file").touch()
    if request.param == "below a file":
        yield tmp_path / "file" / "out", "not a directory"
    elif request.param == "not permitted":  # nobody may create a folder there, not even root
        yield Path("/sys/out"), ""
    else:
        disk = tmp_path / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", disk])
        if mounted.returncode:
            pytest.skip("may not mount a small file system")
        yield disk / "out", "no space left on device"
        assert list(disk.iterdir()) == []
        subprocess.run(["umount", "--lazy", disk], check=True)  # Java may still hold it


def test_an_output_that_cannot_be_written_is_one_line(engine, source, unwritable, capfd):
    out, reason = unwritable
    code, _, stderr = command(engine, capfd, source, out)
    assert code == 1
    assert stderr.startswith(f"error: {out}: cannot be written (")
    assert reason in stderr.lower()
    assert stderr.count("\n") == 1
    assert out.parent.is_file() or not list(out.parent.glob("out*"))


def test_a_full_disk_is_one_line_and_leaves_no_output(registry, source, tmp_path):
    """As above without a mount: files may not grow beyond 2 kB."""
    limited = (
        "import resource, sys; from batch.score import main; import batch.run, batch.local;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048)); sys.exit(main(sys.argv[1:]))"
    )
    names = ["--engine", "local", "--input", source, "--output", tmp_path / "out"]
    done = run("-c", limited, *names, cwd=tmp_path, MLFLOW_TRACKING_URI=registry.uri)
    assert done.returncode == 1
    assert "cannot be written (File too large)" in done.stderr
    assert_one_line(done.stderr)
    assert not list(tmp_path.glob("out*"))


def test_the_command_prints_nothing_but_its_summary(registry, source, tmp_path):
    names = ["--engine", "local", "--input", source, "--output", tmp_path / "out"]
    done = run("-m", "batch", *names, cwd=tmp_path, MLFLOW_TRACKING_URI=registry.uri)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scored"] == 290
    assert done.stderr == ""


def test_spark_prints_nothing_when_it_starts_and_scores(spark_start, source, tmp_path, capfd):
    assert spark_start.printed == ""
    code, _, stderr = command("spark", capfd, source, tmp_path / "out")
    assert (code, stderr) == (0, "")


def test_an_unreachable_registry_is_one_line_within_ten_seconds(source, tmp_path):
    command_line = ["-m", "batch", "--input", source, "--output", tmp_path / "out"]
    began = time.monotonic()
    done = run(*command_line, cwd=tmp_path, MLFLOW_TRACKING_URI="http://svc:s3cret@127.0.0.1:9")
    assert time.monotonic() - began < 10
    assert "s3cret" not in done.stderr
    assert done.returncode == 1
    assert "MLFLOW_TRACKING_URI" in done.stderr
    assert_one_line(done.stderr)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["-m", "models:/churn@nobody"], "train and register one"),
        (["--columns", "none.toml"], "none.toml: cannot be read"),
        (["--input", "nothing.parquet"], "nothing.parquet"),
        (["--partition-by", "customer_id"], "the results have such a column"),
        (["--threshold", "2"], "must be a number from 0 to 1"),
    ],
)
def test_a_failure_names_the_cause_and_leaves_no_output(
    engine, source, tmp_path, capsys, flags, complaint
):
    code, _, stderr = command(engine, capsys, source, tmp_path / "out", *flags)
    assert code == 1
    assert complaint in stderr
    assert "Traceback" not in stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_column_is_named_and_the_columns_are_listed(engine, tmp_path, capsys):
    simulate(5).customers.rename(columns={"age": "Years"}).to_parquet(tmp_path / "t.parquet")
    code, _, stderr = command(engine, capsys, tmp_path / "t.parquet", tmp_path / "out")
    assert code == 1
    assert "no column 'age'" in stderr
    assert "'Years'" in stderr
    (tmp_path / "t.toml").write_text(
        "[columns]\n"
        + "".join(f"{n} = '{n}'\n" for n in ("customer_id", "tenure"))
        + "age = 'Years'\nmonthly_charges = 'monthly_charges'\n"
    )
    flags = ["--columns", tmp_path / "t.toml"]
    assert command(engine, capsys, tmp_path / "t.parquet", tmp_path / "out", *flags)[0] == 0


def test_catalog_tables_are_scored_into_catalog_tables(spark, registry, source, tmp_path, capsys):
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


class Killed(BaseException):
    """The process ended; nothing was cleaned up."""


class KilledTables(OutputTables):
    """Tables whose process is killed before the n-th change of the catalog."""

    changes = 0

    def _sql(self, statement):
        if statement.startswith(("ALTER", "DROP")):
            self.changes -= 1
            if self.changes < 0:
                raise Killed
        return super()._sql(statement)


def write_tables(spark, kind, mode, run, changes=100):
    """Publish two tables whose only row is the run; returns whether the run was killed."""
    tables = kind(spark, "kill", mode, run)
    tables.changes = changes
    tables.reserve()
    try:
        tables.prepare()
        for part in ("scored", "rejected"):
            frame = spark.createDataFrame([(run,)], "run string")
            frame.write.saveAsTable(tables.folder(part))
        tables.publish({})
    except Killed:
        return True
    finally:
        tables.release()
    return False


def test_whenever_an_overwrite_of_tables_is_killed_no_results_are_lost(spark):
    def kill_tables():
        return [t.name for t in spark.catalog.listTables() if t.name.startswith("kill")]

    def content():
        names = ("kill_scored", "kill_rejected")
        return [row["run"] for name in names for row in spark.table(name).collect()]

    try:
        changes, killed = 0, True
        while killed:
            write_tables(spark, OutputTables, "overwrite", "old")
            killed = write_tables(spark, KilledTables, "overwrite", "new", changes)
            with pytest.raises(BatchError, match="exists already"):
                write_tables(spark, OutputTables, "error", "next")
            assert content() in (["old"] * 2, ["new"] * 2)
            assert sorted(kill_tables()) == ["kill_rejected", "kill_scored"]
            changes += 1
        assert content() == ["new"] * 2
        assert changes > 6
        spark.sql("DROP TABLE kill_scored")
        spark.range(1).write.saveAsTable("kill_scored")
        with pytest.raises(BatchError, match="churn score did not write"):
            write_tables(spark, OutputTables, "overwrite", "next")
        assert spark.table("kill_scored").count() == 1
    finally:
        for name in kill_tables():
            spark.sql(f"DROP TABLE {name}")


def test_a_killed_run_leaves_no_output_and_the_next_run_cleans_up(
    engine, registry, tmp_path, capsys
):
    table = pa.Table.from_pandas(simulate(ROWS_PER_FILE[engine], seed=2).customers)
    (tmp_path / "in").mkdir()
    for number in range(FILES):
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
    total = FILES * ROWS_PER_FILE[engine]
    assert (code, summary["rows"], summary["scored"]) == (0, total, total)
    assert not list(tmp_path.glob("out.partial*"))
