"""The writer of the local engine, whose files are written by a thread."""

import threading

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet
import pytest

from batch import writing
from batch.writing import Writer

ROWS = pa.RecordBatch.from_pydict({"id": ["a", "b", "c"], "p": [0.25, 0.5, 0.25]})


@pytest.fixture
def small_files(monkeypatch):
    """A file for every two batches."""
    monkeypatch.setattr(writing, "_FLUSH_BYTES", 2 * ROWS.nbytes)


def test_all_rows_are_in_files_in_their_order_when_the_context_ends(tmp_path, small_files):
    with Writer(str(tmp_path / "out"), "parquet", ()) as writer:
        for _ in range(5):
            writer.write(ROWS)
    files = sorted((tmp_path / "out").iterdir())
    assert [pyarrow.parquet.read_metadata(file).num_rows for file in files] == [6, 6, 3]
    assert writer.rows == 15
    assert ds.dataset(files).to_table().to_pylist() == ROWS.to_pylist() * 5


def test_a_table_without_rows_has_one_file_with_its_columns(tmp_path):
    with Writer(str(tmp_path / "out"), "parquet", ()) as writer:
        writer.write(ROWS.slice(0, 0))
    (file,) = (tmp_path / "out").iterdir()
    assert pyarrow.parquet.read_schema(file) == ROWS.schema
    assert writer.rows == 0


def write_file(folder, spoil):
    """Write a file's rows after something has happened."""
    with Writer(str(folder), "parquet", ()) as writer:
        spoil(writer)
        writer.write(ROWS)
        writer.write(ROWS)


def test_a_file_that_cannot_be_written_fails_the_context(tmp_path, small_files):
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "out", lambda writer: writer.folder.rmdir())


def test_after_an_error_no_thread_writes_any_more(tmp_path, small_files):
    def stop(writer):
        writer.write(ROWS)
        writer.write(ROWS)
        raise ValueError("stop")

    before = threading.active_count()
    with pytest.raises(ValueError, match="stop"):
        write_file(tmp_path / "out", stop)
    assert threading.active_count() == before


@pytest.mark.parametrize("reasons", [False, True])
def test_floats_have_no_dictionary_and_names_may_have_dots(tmp_path, reasons):
    columns = {"a.b": ["x", "x"], "p": [0.5, 0.5]}
    if reasons:
        columns["reasons"] = [[{"feature": "age"}], []]
    with Writer(str(tmp_path / "out"), "parquet", ()) as writer:
        writer.write(pa.RecordBatch.from_pydict(columns))
    (file,) = (tmp_path / "out").iterdir()
    assert pyarrow.parquet.read_table(file).to_pydict() == columns
    group = pyarrow.parquet.read_metadata(file).row_group(0)
    assert group.column(0).has_dictionary_page
    assert group.column(1).has_dictionary_page == reasons
