"""Columns that the model does not use are in the rejected rows as they were."""

from __future__ import annotations

import datetime
import json
import os
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from pyfunc import registry as models
from tests.integration.batch.conftest import command, rows
from tests.integration.conftest import assert_one_line, working_in

CUSTOMERS = {
    "customer_id": ["a", "b"],
    "age": [30, 300],
    "tenure": [1, 1],
    "monthly_charges": [1.0] * 2,
}
NAN = float("nan")


def write(path: Path, **columns: object) -> Path:
    """A Parquet file with a valid and an invalid customer."""
    path.parent.mkdir(exist_ok=True)
    pyarrow.parquet.write_table(pa.table({**CUSTOMERS, **columns}), path)
    return path


def rejected_text(target: Path, suffix: str) -> str:
    [file] = [f for f in (target / "rejected").rglob(f"part*.{suffix}") if f.stat().st_size]
    return file.read_text(encoding="utf-8")


COLUMNS = {
    "decimal": (pa.array([Decimal("0.10")] * 2, pa.decimal128(38, 20)), "0.10000000000000000000"),
    "nan": (pa.array([NAN] * 2), '"NaN"'),
    "infinity": (pa.array([float("-inf")] * 2, pa.float32()), '"-Infinity"'),
    "bytes": (pa.array([b"\xff\x00"] * 2), '"/wA="'),
    "undecoded": (pa.array([b"\xffa"] * 2).view(pa.string()), '"\ufffda"'),
    "list": (pa.array([[1.5, NAN]] * 2), '[1.5,"NaN"]'),
    "struct": (pa.array([{"a": b"\xff"}] * 2), '{"a":"/w=="}'),
    "map": (pa.array([[(1, NAN)]] * 2, pa.map_(pa.int64(), pa.float64())), '{"1":"NaN"}'),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_values_of_any_type_are_written_as_json(engine, tmp_path, capsys, name):
    column, text = COLUMNS[name]
    source, out = write(tmp_path / "t.parquet", x=column), tmp_path / "out"
    code, _, stderr = command(
        engine, capsys, source, out, "--output-format", "json", "--max-rejected", 1
    )
    assert (code, stderr) == (0, "")
    assert f'"x":{text},"error"' in rejected_text(out, "json")


CELLS = {"decimal": "0.10000000000000000000", "bytes": "/wA=", "undecoded": "\ufffda"}


@pytest.mark.parametrize("name", CELLS)
def test_values_of_any_type_are_written_as_csv(engine, tmp_path, capsys, name):
    source, out = write(tmp_path / "t.parquet", x=COLUMNS[name][0]), tmp_path / "out"
    code, _, stderr = command(
        engine, capsys, source, out, "--output-format", "csv", "--max-rejected", 1
    )
    assert (code, stderr) == (0, "")
    assert CELLS[name] in rejected_text(out, "csv").replace('"', "").split(",")


@pytest.mark.parametrize("file_format", ["json", "csv"])
def test_times_keep_their_microseconds(engine, tmp_path, capsys, file_format):
    moment = datetime.datetime(2024, 1, 31, 1, 2, 3, 456789)
    local = pa.array([moment] * 2, pa.timestamp("us"))
    utc = pa.array([moment] * 2, pa.timestamp("us", "UTC"))
    source, out = write(tmp_path / "t.parquet", x=local, y=utc), tmp_path / "out"
    command(engine, capsys, source, out, "--output-format", file_format, "--max-rejected", 1)
    assert rejected_text(out, file_format).count("01:02:03.456789") == 2


@pytest.mark.parametrize(
    "column",
    [
        pa.array([3_000_000] * 2, pa.int32()).cast(pa.date32()),
        pa.array([[(1, 2), (1, 3)]] * 2, pa.map_(pa.int64(), pa.int64())),
        pa.array([[b"\xff"]] * 2, pa.list_(pa.binary())).view(pa.list_(pa.string())),
    ],
)
def test_a_value_that_python_cannot_write_as_json_is_one_line(registry, tmp_path, capsys, column):
    source = write(tmp_path / "t.parquet", x=column)
    flags = ["--output-format", "json", "--max-rejected", 1]
    code, _, stderr = command("local", capsys, source, tmp_path / "out", *flags)
    assert code == 1
    assert_one_line(stderr)
    assert "--output-format json cannot hold these columns" in stderr


@pytest.mark.parametrize("name", ["error", "rules"])
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_columns_with_the_names_of_the_reasons_are_not_lost(
    engine, tmp_path, capsys, name, file_format
):
    source = write(tmp_path / "t.parquet", **{name: ["mine", "mine"]})
    if file_format == "csv":
        pyarrow.csv.write_csv(pyarrow.parquet.read_table(source), tmp_path / "t.csv")
        source = tmp_path / "t.csv"
    code, _, stderr = command(engine, capsys, source, tmp_path / "out")
    assert code == 1
    assert_one_line(stderr)
    assert f"column '{name}' is reserved for the reasons of rejected rows; rename it" in stderr
    assert not (tmp_path / "out").exists()


# --- several Parquet files ------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["a", "b"])
def test_columns_of_all_files_are_used(engine, tmp_path, capsys, first):
    """An optional field that only one file has; without it, the probability differs."""
    second = "b" if first == "a" else "a"
    write(tmp_path / "in" / f"{first}.parquet")
    write(tmp_path / "in" / f"{second}.parquet", total_charges=[99.0, 99.0], note=["x", "x"])
    out = tmp_path / "out"
    code, _, stderr = command(engine, capsys, tmp_path / "in", out, "--max-rejected", 1)
    assert (code, stderr) == (0, "")
    frame = pa.table({**CUSTOMERS, "total_charges": [None, 99.0]}).to_pandas()
    frame["age"], frame["customer_id"] = 30, ["a", "a"]
    expected = sorted(models.load().predict(frame)["churn_probability"])
    scored = sorted(row["churn_probability"] for row in rows(out, "scored"))
    assert scored == pytest.approx(expected, abs=1e-12)
    assert expected[0] != expected[1]
    rejected = [(row["total_charges"], row["note"]) for row in rows(out, "rejected")]
    assert sorted(rejected, key=str) == [(99.0, "x"), (None, None)]


@pytest.mark.parametrize("column", [["30", "300"], [b"1", b"2"], [True, False]])
def test_a_field_with_different_types_is_not_converted(engine, tmp_path, capsys, column):
    write(tmp_path / "in" / "a.parquet")
    write(tmp_path / "in" / "b.parquet", age=column)
    code, _, stderr = command(engine, capsys, tmp_path / "in", tmp_path / "out")
    assert code == 1
    assert_one_line(stderr)
    assert not (tmp_path / "out").exists()


def test_numerical_types_may_differ_with_the_local_engine(registry, tmp_path, capsys):
    write(tmp_path / "in" / "a.parquet", plan=pa.array(["x", "y"]).dictionary_encode())
    write(tmp_path / "in" / "b.parquet", age=[30.0, 30.5], plan=["x", "y"])
    flags = ["--max-rejected", 1]
    _, summary, _ = command("local", capsys, tmp_path / "in", tmp_path / "out", *flags)
    reasons = {"age:less_than_equal": 1, "age:int_from_float": 1}
    assert (summary["scored"], summary["reasons"]) == (2, reasons)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["x", "y"], pa.string_view()),
        pa.array([b"x", b"y"], pa.binary_view()),
        pa.array([["x"], ["y"]], pa.list_(pa.string_view())),
        pa.array([{"a": "x"}, {"a": "y"}], pa.struct([("a", pa.string_view())])),
    ],
)
def test_views_of_strings_and_bytes_are_read(engine, tmp_path, capsys, column):
    source, out = write(tmp_path / "t.parquet", x=column), tmp_path / "out"
    code, _, stderr = command(engine, capsys, source, out, "--max-rejected", 1)
    assert (code, stderr) == (0, "")
    assert [row["x"] for row in rows(out, "rejected")] == column[1:].to_pylist()


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["parquet", "csv", "json"])
def test_a_folder_whose_name_is_not_utf8_is_one_line(engine, tmp_path, capsys, file_format):
    """Java would read it as an empty folder."""
    folder = os.fsencode(tmp_path) + b"/in/\xff=1"
    os.makedirs(folder)
    Path(os.fsdecode(folder), f"t.{file_format}").write_bytes(b"")
    flags = ["--format", file_format]
    code, _, stderr = command(engine, capsys, tmp_path / "in", tmp_path / "out", *flags)
    assert code == 1
    assert_one_line(stderr)
    assert "udcff=1': the name is not valid UTF-8; rename it" in stderr


def test_an_output_below_a_folder_whose_name_is_not_utf8_is_one_line(registry, tmp_path, capsys):
    source = write(tmp_path / "t.parquet")
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    with working_in(folder, registry.uri):
        code, _, stderr = command("local", capsys, source, Path("out"))
    assert code == 1
    assert_one_line(stderr)
    assert "the name is not valid UTF-8; choose another --output" in stderr


def test_json_lines_below_folders_named_value_are_read(engine, tmp_path, capsys):
    """Spark would read the name of the folder instead of the lines."""
    folder = tmp_path / "in" / "value=1"
    folder.mkdir(parents=True)
    customer = {name: values[0] for name, values in CUSTOMERS.items()}
    (folder / "t.json").write_text(json.dumps(customer))
    flags = ["--format", "json"]
    code, summary, stderr = command(engine, capsys, tmp_path / "in", tmp_path / "out", *flags)
    assert (code, stderr, summary["scored"]) == (0, "", 1)


def test_a_byte_order_mark_before_json_lines_is_ignored(engine, tmp_path, capsys):
    customer = {name: values[0] for name, values in CUSTOMERS.items()}
    text = "\ufeff" + f"{json.dumps(customer)}\n" * 2
    (tmp_path / "t.json").write_text(text, encoding="utf-8")
    code, summary, stderr = command(engine, capsys, tmp_path / "t.json", tmp_path / "out")
    assert (code, stderr, summary["scored"]) == (0, "", 2)
