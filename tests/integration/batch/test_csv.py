"""CSV files that parsers accept although rows of them would be lost or changed."""

from __future__ import annotations

import gzip

import pytest

from tests.integration.batch.conftest import command, rows
from tests.integration.conftest import assert_one_line

HEADER = "customer_id,age,tenure,monthly_charges,total_charges,note\n"
WHOLE = "42,12,70.5,846,x\n"
FLAGS = ("--output-format", "parquet", "--max-rejected", 1)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def test_a_row_that_is_uneven_and_not_utf8_is_rejected(engine, tmp_path, capsys):
    source, out = tmp_path / "t.csv", tmp_path / "out"
    uneven = b"c2,42,12\xff\nc3,1,2,3,4,5,6,7,\xfe\xff\n"
    source.write_bytes(HEADER.encode() + b"c1," + WHOLE.encode() + uneven)
    code, summary, stderr = command(engine, capsys, source, out, *FLAGS)
    assert (code, stderr) == (0, "")
    assert summary["reasons"] == {":csv_row": 2}
    assert [row["customer_id"] for row in rows(out, "scored")] == ["c1"]
    texts = {row["corrupt_line"] for row in rows(out, "rejected")}
    assert texts == {"c2,42,12\ufffd", "c3,1,2,3,4,5,6,7,\ufffd\ufffd"}


@pytest.mark.parametrize(
    ("last", "complaint"),
    [
        ('c2,42,12,70.5,846,"gone\nc3,', "the quote that opens in line 3 is never closed"),
        ('c2,42,12,"70.5,846,gone\nc3,', "the quote that opens in line 3 is never closed"),
        (
            f'c2,42,12,70.5,846,"gone\nc3,42,12,70.5,846,"x"\nc4,{WHOLE}c5,',
            "the quote that opens in line 3 is closed in the middle of a cell in line 4",
        ),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_rows_that_an_unclosed_quote_would_hide_are_not_lost(
    engine, folder, tmp_path, capsys, last, complaint, compressed
):
    text = (f"{HEADER}c1,{WHOLE}{last}{WHOLE}").encode()
    (folder / "a.csv").write_text(f"{HEADER}a1,{WHOLE}")
    source = folder / ("b.csv.gz" if compressed else "b.csv")
    source.write_bytes(gzip.compress(text) if compressed else text)
    code, _, stderr = command(engine, capsys, folder, tmp_path / "out", "--format", "csv")
    assert code == 1
    assert_one_line(stderr)
    assert f"{source}: {complaint}" in stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_quoted_cells_may_have_lines_quotes_and_any_length(engine, tmp_path, capsys):
    long = "x\n" * 1_500_000
    notes = ['"a\nb"', '"""a\nb"""', '5" pipe', '"a"b', f'"{long}"', '""']
    source = tmp_path / "t.csv"
    lines = [f"c{i},42,12,70.5,846,{note}\n" for i, note in enumerate(notes)]
    source.write_text(HEADER + "".join(lines))
    code, summary, stderr = command(engine, capsys, source, tmp_path / "out", *FLAGS)
    assert (code, stderr, summary["scored"]) == (0, "", len(notes))


@pytest.mark.parametrize(
    "header",
    [
        "customer_id,tenure,age,monthly_charges,total_charges,note\n",
        "customer_id,age,tenure,monthly_charges,note\n",
        f"{HEADER.strip()},more\n",
    ],
)
def test_files_with_different_headers_are_not_one_table(engine, folder, tmp_path, capsys, header):
    """Spark would give the cells to the first file's columns in their order."""
    (folder / "a.csv").write_text(f"{HEADER}c1,{WHOLE}")
    (folder / "b.csv").write_text(header + ",".join("2" * len(header.split(","))) + "\n")
    code, _, stderr = command(engine, capsys, folder, tmp_path / "out", "--format", "csv")
    assert code == 1
    assert_one_line(stderr)
    assert f"b.csv: its header differs from that of {folder / 'a.csv'}" in stderr


def test_empty_files_among_others_are_skipped(engine, folder, tmp_path, capsys):
    (folder / "a.csv").write_text("")
    (folder / "b.csv").write_text(f'"customer_id",{HEADER[12:]}c1,{WHOLE}')
    (folder / "c.csv").write_text(HEADER.strip())
    code, summary, stderr = command(engine, capsys, folder, tmp_path / "out", "--format", "csv")
    assert (code, stderr, summary["scored"]) == (0, "", 1)


@pytest.mark.parametrize("header", ["", "\n\n"])
def test_a_table_without_a_header_is_one_line(engine, tmp_path, capsys, header):
    (tmp_path / "t.csv").write_text(header)
    code, _, stderr = command(engine, capsys, tmp_path / "t.csv", tmp_path / "out")
    assert code == 1
    assert_one_line(stderr)
    assert "contains no csv file with a header" in stderr


def test_a_duplicate_column_is_one_line(engine, tmp_path, capsys):
    (tmp_path / "t.csv").write_text(f"{HEADER.strip()},note\nc1,{WHOLE.strip()},y\n")
    code, _, stderr = command(engine, capsys, tmp_path / "t.csv", tmp_path / "out")
    assert code == 1
    assert_one_line(stderr)
    assert "column 'note' occurs 2 times" in stderr


def described(tmp_path, setting):
    """Flags with a descriptor that has a setting of the CSV format."""
    fields = HEADER.strip().split(",")[:5]
    columns = "".join(f"{name} = '{name}'\n" for name in fields)
    (tmp_path / "t.toml").write_text(f"[columns]\n{columns}[csv]\n{setting}\n")
    return ("--columns", tmp_path / "t.toml", *FLAGS)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8"])
def test_a_file_may_have_any_encoding(engine, tmp_path, capsys, encoding):
    text = f"{HEADER}cé,{WHOLE}ü,too few\n"
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    flags = described(tmp_path, f"encoding = '{encoding}'")
    out = tmp_path / "out"
    code, _, stderr = command(engine, capsys, tmp_path / "t.csv", out, *flags)
    assert (code, stderr) == (0, "")
    assert [row["customer_id"] for row in rows(out, "scored")] == ["cé"]
    assert [row["corrupt_line"] for row in rows(out, "rejected")] == ["ü,too few"]


def test_bytes_that_are_invalid_in_the_encoding_reject_their_identifier(engine, tmp_path, capsys):
    (tmp_path / "t.csv").write_text(f"{HEADER}cé,{WHOLE}c,{WHOLE}")
    flags = described(tmp_path, "encoding = 'ascii'")
    code, summary, stderr = command(engine, capsys, tmp_path / "t.csv", tmp_path / "out", *flags)
    assert (code, stderr) == (0, "")
    assert (summary["scored"], summary["reasons"]) == (1, {"customer_id:string_unicode": 1})


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("encoding = 'nope'", "[csv] encoding 'nope' does not exist"),
        ("encoding = 'base64'", "[csv] encoding 'base64' does not exist"),
        ("separator = '§'", "[csv] separator '§' is not supported"),
        ("separator = '\"'", "[csv] separator '\"' is not supported"),
    ],
)
def test_a_format_that_cannot_be_read_is_one_line(engine, tmp_path, capsys, setting, complaint):
    (tmp_path / "t.csv").write_text(f"{HEADER}c,{WHOLE}")
    flags = described(tmp_path, setting)
    code, _, stderr = command(engine, capsys, tmp_path / "t.csv", tmp_path / "out", *flags)
    assert code == 1
    assert_one_line(stderr)
    assert complaint in stderr
