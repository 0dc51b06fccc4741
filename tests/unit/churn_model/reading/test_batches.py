import io
import os
from collections import deque
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_model.errors import TableError
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.reading import batches as reading
from churn_model.tables.reading import csv_files
from churn_model.tables.reading.locations import file_names
from churn_model.tables.reading.row_checker import LINE
from churn_model.tables.reading.source import Source


class Blocks(io.BytesIO):
    """A stream that gives a few bytes at a time."""

    def read(self, size=-1):
        return super().read(7)


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_lines_are_found_in_blocks_of_any_size(end):
    lines = [b"a" * n for n in (1, 6, 7, 8, 100, 0, 3)]
    batches = reading._in_batches(Blocks(b"\n".join(lines) + end))
    read_lines = [line for batch in batches for line in batch.column(LINE).to_pylist()]
    assert [bytes(line, "ascii") if isinstance(line, str) else line for line in read_lines] == [
        line for line in lines if line
    ]


def test_the_blocks_of_a_long_line_are_joined_once():
    class Block(bytes):
        """Counts how often it is searched for the end of a line."""

        searched = 0

        def split(self, *arguments):
            type(self).searched += len(self)
            return super().split(*arguments)

        def __radd__(self, other):
            raise AssertionError("joined with the blocks before it, each time one is read")

    class Stream:
        def __init__(self):
            self.blocks = [Block(b"x" * 1000) for _ in range(50)]

        def read(self, size):
            return self.blocks.pop() if self.blocks else b""

    [batch] = reading._in_batches(Stream())
    assert len(batch.column(LINE)[0].as_py()) == 50_000
    assert Block.searched == 49_000  # the first block may begin with a byte-order mark


def test_rows_that_other_threads_add_meanwhile_are_not_lost():
    class Added(deque):
        """Another thread adds a row whenever one is taken or all are copied."""

        def popleft(self):
            row = super().popleft()
            if row < 10:
                self.append(row + 10)
            return row

        def __iter__(self):
            raise AssertionError("copied, so that rows are lost when the original is cleared")

    rows = Added([1, 2])
    assert [csv_files.taken(rows), csv_files.taken(rows), csv_files.taken(rows)] == [
        [1, 2],
        [11, 12],
        [],
    ]


@pytest.fixture
def groups(tmp_path):
    """A file with four groups of rows."""
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"n": range(35)}), path, row_group_size=10, compression="none")
    return path


def test_parquet_is_read_one_group_of_rows_after_another(groups):
    batches = list(reading.read(Source(str(groups), "parquet", CsvFormat())))
    assert [batch.num_rows for batch in batches] == [10, 10, 10, 5]
    assert [n for batch in batches for n in batch.column("n").to_pylist()] == list(range(35))


def test_a_damaged_group_of_rows_is_one_line(groups):
    content = bytearray(groups.read_bytes())
    start = pq.ParquetFile(groups).metadata.row_group(2).column(0).data_page_offset
    content[start : start + 20] = b"\xff" * 20
    groups.write_bytes(content)
    with pytest.raises(TableError, match=r"table\.parquet: cannot be read as parquet") as caught:
        list(reading.read(Source(str(groups), "parquet", CsvFormat())))
    assert "\n" not in str(caught.value)


def test_the_error_for_a_missing_table_names_the_flag_of_the_command(tmp_path):
    source = Source(str(tmp_path / "none.csv"), "csv", CsvFormat(), flag="--data")
    with pytest.raises(TableError, match="no such file or folder; check --data"):
        reading.folder_columns(source)


def test_a_file_name_that_is_not_utf8_is_named_when_a_folder_is_listed(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/a\xff.csv")).touch()
    with pytest.raises(TableError, match="the name is not valid UTF-8; rename it"):
        file_names(str(folder))
