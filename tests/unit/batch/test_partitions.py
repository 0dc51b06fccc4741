import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from batch.partitions import as_partition_texts, folder_name
from batch.writing import Writer
from churn_model.errors import BatchError
from churn_model.tables.reading.folder_values import NULL, folder_values

VALUES = [
    *("x/../../../../evil/pwned", "EU/West", "a=b", "50%", "%2F", "..", ".", "a b", "a\nb", "\x00"),
    *("客户🙂", "e\u0301", "'\"#:?*\\{}[]^", "+", "00012", "None"),
]


@pytest.mark.parametrize("value", VALUES)
def test_a_folder_name_is_one_path_segment_that_gives_the_value_back(value):
    name = folder_name("k/=", value)
    assert "/" not in name
    assert folder_values(f"{name}/part-0.parquet") == {"k/=": value}


def test_null_and_the_empty_string_have_the_folder_that_hive_gives_them():
    assert folder_name("k", None) == folder_name("k", "") == f"k={NULL}"
    assert folder_values(f"k={NULL}/part-0.parquet") == {"k": None}


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
def test_every_row_is_written_below_the_folder_and_read_with_its_value(tmp_path, kind):
    values = [*VALUES, None, ""]
    batch = pa.RecordBatch.from_pydict(
        {"n": pa.array(range(len(values))), "k": values, "j": pa.array([1, 2] * (len(values) // 2))}
    )
    folder = tmp_path / "a" / "b" / "c" / "d" / "out"
    with Writer(str(folder), kind, ("k", "j")) as writer:
        writer.write(batch)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {f"part-00000.{kind}"}
    assert all(path.is_relative_to(folder) for path in tmp_path.rglob("part-*"))
    assert {len(path.relative_to(folder).parts) for path in folder.rglob("part-*")} == {3}
    schema = pa.schema([("k", pa.string()), ("j", pa.int64())])
    partitioning = ds.partitioning(schema, flavor="hive")
    rows = ds.dataset(folder, format=kind, partitioning=partitioning).to_table().to_pylist()
    assert {row["n"]: row["k"] for row in rows} == dict(enumerate([*VALUES, None, None]))
    assert {row["n"]: row["j"] for row in rows} == dict(enumerate([1, 2] * (len(values) // 2)))


def test_values_of_all_types_have_a_text():
    nan, inf = float("nan"), float("inf")
    moment = datetime.datetime(2024, 1, 31, 12, tzinfo=datetime.timezone.utc)
    berlin = pa.timestamp("us", "Europe/Berlin")
    cases = [
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array([-1, 2**62], pa.int64()), ["-1", str(2**62)]),
        (
            pa.array([0.5, 2.0, nan, inf, -inf, None]),
            ["0.5", "2.0", "NaN", "Infinity", "-Infinity", None],
        ),
        (pa.array([0.1, nan], pa.float32()), ["0.1", "NaN"]),
        (pa.array([Decimal("1.50")]), ["1.50"]),
        (pa.array([moment.date()]), ["2024-01-31"]),
        (pa.array([moment], berlin), ["2024-01-31 12:00:00+00:00"]),
        (pa.array([moment.replace(tzinfo=None)]), ["2024-01-31 12:00:00"]),
        (pa.array(["a", "a", "", None]).dictionary_encode(), ["a", "a", None, None]),
        (pa.nulls(2), [None, None]),
    ]
    for array, texts in cases:
        assert as_partition_texts("k", array).to_pylist() == texts


@pytest.mark.parametrize("array", [pa.array([[1]]), pa.array([b"x"]), pa.array([{"a": 1}])])
def test_a_type_without_a_text_is_rejected(array):
    with pytest.raises(BatchError, match="--partition-by k: a column of type"):
        as_partition_texts("k", array)


def test_a_value_that_is_not_valid_utf8_is_rejected():
    array = pa.array([b"\xff"]).view(pa.string())
    with pytest.raises(BatchError, match="--partition-by k: a value is not valid UTF-8"):
        as_partition_texts("k", array)
