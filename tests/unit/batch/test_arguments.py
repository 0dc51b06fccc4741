from datetime import date
from pathlib import Path

import pytest

from batch.arguments import score_options
from batch.options import ScoreOptions
from batch.score import main
from churn_model.errors import BatchError

NAMES = ["--input", "in.parquet", "--output", "out"]


def test_parameters_that_mlproject_leaves_empty_take_their_defaults():
    flags = ("model-uri", "format", "output-format", "engine", "master", "columns", "partition-by")
    flags += ("mode", "explain", "as-of", "threshold", "max-rejected")
    empty = [f"--{flag}=" for flag in flags]
    assert score_options([*NAMES, *empty]) == ScoreOptions(input="in.parquet", output="out")


def test_every_flag_reaches_its_option():
    flags = (
        "-m models:/churn/2 --format csv --output-format json --engine local --master local[2] "
        "--columns t.toml --mode append --partition-by a,b --explain --as-of 2026-01-31 "
        "--threshold 0.3 --max-rejected 1"
    )
    given = score_options([*NAMES, *flags.split()])
    assert given == ScoreOptions(
        input="in.parquet",
        output="out",
        model_uri="models:/churn/2",
        format="csv",
        output_format="json",
        engine="local",
        master="local[2]",
        columns=Path("t.toml"),
        partition_by=("a", "b"),
        mode="append",
        explain=True,
        as_of=date(2026, 1, 31),
        threshold=0.3,
        max_rejected=1.0,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("customers.csv", "csv"),
        ("customers.csv.gz", "csv"),
        ("customers.ndjson", "json"),
        ("customers.jsonl.bz2", "json"),
        ("customers.parquet", "parquet"),
        ("csv/customers", "parquet"),
        ("d.csv.parquet", "parquet"),
        ("d.json.csv", "csv"),
        ("customers.csv/", "csv"),
        ("CUSTOMERS.CSV.GZ", "csv"),
        ("folder.csv/part-0", "parquet"),
        ("hdfs://host/in/*.ndjson", "json"),
        ("catalog.schema.csv_table", "parquet"),
    ],
)
def test_the_inputs_name_implies_its_format(name, expected):
    options = score_options(["--input", name, "--output", "out"])
    assert (options.source_format, options.target_format) == (expected, expected)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.csv", "b.csv.gz", "_SUCCESS", ".a.csv.crc"], "csv"),
        (["day=2026-01-31/part-0.csv"], "csv"),
        (["a.ndjson"], "json"),
        (["a.parquet", "b.parquet"], "parquet"),
        (["a.csv", "b.parquet"], "parquet"),
        (["part-0"], "parquet"),
        ([], "parquet"),
    ],
)
def test_the_files_of_a_folder_tell_its_format_if_its_name_does_not(tmp_path, names, expected):
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    assert (
        score_options(["--input", str(tmp_path / "in"), "--output", "o"]).source_format == expected
    )


def test_the_name_of_a_folder_says_more_than_its_files(tmp_path):
    (tmp_path / "in.csv").mkdir()
    (tmp_path / "in.csv" / "part-0").touch()
    options = score_options(["--input", str(tmp_path / "in.csv"), "--output", "o"])
    assert options.source_format == "csv"


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--threshold", "2"], "must be a number from 0 to 1"),
        (["--threshold", "x"], "'x' is not a number"),
        (["--explain", "maybe"], "must be true or false"),
        (["--engine", "flink"], "must be one of spark, local"),
        (["--as-of", "yesterday"], "2026-01-31"),
        (["--no-such-flag"], "--no-such-flag"),
    ],
)
def test_wrong_usage_is_1_because_2_means_rejected(capsys, flags, complaint):
    assert main([*NAMES, *flags]) == 1
    assert complaint in capsys.readouterr().err
    assert main(["--help"]) == 0


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--input="], "--input is empty"),
        (["--output=\udcff"], "--output: '.udcff' is not valid Unicode"),
        (["--engine", "local", "--format", "table"], "need --engine spark"),
        (["--format", "json", "--partition-by", "plan"], "JSON lines have none"),
    ],
)
def test_flags_that_contradict_each_other_are_one_line(capsys, flags, complaint):
    with pytest.raises(BatchError, match=complaint):
        score_options([*NAMES, *flags])
    assert main([*NAMES, *flags]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_missing_spark_is_one_line_that_names_the_pip_command(capsys, monkeypatch):
    monkeypatch.setattr("churn_model.extras.find_spec", lambda name: None)
    assert main(NAMES) == 1
    error = capsys.readouterr().err
    assert 'pip install -e ".[spark]"' in error
    assert "--engine local" in error
    assert error.count("\n") == 1
