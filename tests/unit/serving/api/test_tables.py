"""CSV and Parquet bodies of ``/invocations``."""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_model.errors import InvalidRecords
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.descriptor import TableDescriptor
from serving.api.csv_body import read_csv
from serving.api.parquet_body import read_parquet
from serving.api.parquet_pages import row_groups
from serving.http.errors import ApiError
from tests.customers import CUSTOMER
from training.data.simulator import simulate

CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"
MIB = 2**20
FRAME = simulate(20, seed=3).customers
HEADER = b"customer_id,age,tenure,monthly_charges,total_charges"
ROW = b"C1,42,12,70.5,846.0"


def csv(*rows, header=HEADER, end=b"\n"):
    return b"".join(line + end for line in (header, *rows))


def parquet(frame, **options):
    buffer = io.BytesIO()
    frame.to_parquet(buffer, **options)
    return buffer.getvalue()


@pytest.fixture
def post(application):
    """Sends a body to ``/invocations``; returns status and content of the reply."""
    app = application(max_rows=100)

    def send(body, content_type=CSV):
        reply = app.post("/invocations", body, content_type)
        return reply.status, reply.json()

    return send


def test_a_table_gets_the_same_reply_as_its_records(post):
    records = FRAME.astype(object).where(FRAME.notna(), None).to_dict("records")
    expected = post({"dataframe_records": records}, "application/json")
    assert expected[0] == 200
    assert post(FRAME.to_csv(index=False).encode()) == expected
    assert post(parquet(FRAME), PARQUET) == expected
    shuffled = FRAME[FRAME.columns[::-1]].assign(note="x")
    assert post(shuffled.to_csv(index=False).encode()) == expected
    assert post(parquet(shuffled), PARQUET) == expected


def test_a_trailing_comma_is_rejected_instead_of_shifting_the_columns(post):
    status, content = post(csv(ROW, ROW + b","))
    assert status == 400
    assert content["errors"] == [
        {
            "loc": ["customers", 1, ""],
            "msg": "has more or fewer cells than the header",
            "type": "csv_row",
        }
    ]
    assert post(csv(ROW + b",", header=HEADER + b","))[0] == 200


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        (b"True", "int_parsing"),
        (b"old", "int_parsing"),
        (b"30.7", "int_from_float"),
        (b"121", "less_than_equal"),
        (b"", "missing"),
        (b"NA", "missing"),
    ],
)
def test_a_cell_is_read_as_the_schema_declares_it(post, cell, rule):
    status, content = post(csv(ROW, ROW.replace(b"42", cell)))
    assert status == 400
    assert [(error["loc"], error["type"]) for error in content["errors"]] == [
        (["customers", 1, "age"], rule)
    ]


def test_the_identifier_na_is_an_identifier(post):
    status, content = post(csv(ROW.replace(b"C1", b"NA")))
    assert (status, content["predictions"][0]["customer_id"]) == (200, "NA")
    assert post(csv(ROW.replace(b"C1", b"007")))[1]["predictions"][0]["customer_id"] == "007"


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_rows_are_counted_as_they_are_read(post, end):
    assert len(post(csv(*[ROW] * 100, end=end))[1]["predictions"]) == 100
    assert post(csv(*[ROW] * 101, end=end))[0] == 413
    assert post(csv(*[ROW] * 100, end=end + end))[0] == 200


def test_blank_lines_before_the_header_change_nothing(post):
    assert post(b"\n\r\n" + csv(ROW)) == post(csv(ROW))


def test_a_csv_without_customers_has_no_predictions(post):
    for body in (csv(), HEADER, csv(end=b"\n\n")):
        assert post(body) == (200, {"predictions": []})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no header"),
        (b"\n\n", "no header"),
        (csv(ROW, header=HEADER.replace(b"age", b"years")), "no column 'age'"),
        (csv(ROW, header=HEADER.replace(b"tenure", b"age")), "2 columns 'age'"),
        (csv(ROW.replace(b"C1", b"\xff")), "UTF-8"),
        (csv(ROW.replace(b"C1", b'"C1'), ROW, ROW), "invalid in line 4"),
        (csv(ROW.replace(b"C1", b'"C1'), ROW.replace(b"C1", b'"C2"')), "invalid in line 3"),
        (csv(ROW.replace(b"C1", b"x" * 2**21)), "line of more than"),
        (csv(ROW, header=b"," * 2**21), "line of more than"),
    ],
)
def test_a_body_that_is_not_a_csv_of_the_model_is_400(post, body, message):
    status, content = post(body)
    assert status == 400
    assert message in content["message"]


def test_a_byte_order_mark_and_blanks_around_names_are_ignored(post):
    expected = post(csv(ROW))
    assert expected[0] == 200
    assert post(b"\xef\xbb\xbf" + csv(ROW)) == expected
    assert post(csv(ROW, header=HEADER.replace(b",", b" , "))) == expected


def test_errors_of_a_table_list_the_models_columns_and_no_values(post):
    secret = FRAME.assign(age="secret")
    for body, content_type in (
        (secret.to_csv(index=False).encode(), CSV),
        (parquet(secret), PARQUET),
        (parquet(FRAME.drop(columns="tenure")), PARQUET),
        (FRAME.drop(columns="tenure").to_csv(index=False).encode(), CSV),
    ):
        status, content = post(body, content_type)
        assert status == 400
        assert "age (long)" in content["message"]
        assert "secret" not in content["message"]


@pytest.mark.parametrize(
    ("column", "status"),
    [
        (pd.Series([30, 40], dtype="int8"), 200),
        (pd.Series([30, 40], dtype="UInt64"), 200),
        (pd.Series([30.0, 40.0]), 200),
        (pd.Series([30, 40], dtype="category"), 200),
        (pd.Series([30.5, 40.0]), 400),
        (pd.Series([30, None], dtype="Int64"), 400),
        (pd.Series([True, False]), 400),
        (pd.Series(["30", "40"]), 400),
        (pd.Series(["30", "40"], dtype="category"), 400),
        (pd.Series([None, None]), 400),
        (pd.Series([[1], [2]]), 400),
        (pd.Series([{"a": 1}, {"a": 2}]), 400),
        (pd.Series([b"1", b"2"]), 400),
        (pd.Series(pd.to_datetime(["2026-01-01"] * 2)), 400),
        (pd.Series(pd.to_timedelta([1, 2])), 400),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, pd.Series) else "",
)
def test_a_parquet_column_is_read_by_its_type(post, column, status):
    replied, content = post(parquet(FRAME[:2].assign(age=column)), PARQUET)
    assert replied == status
    if status == 400:
        assert "age" in content["message"]


def table_of(rows, **columns):
    return pa.table({name: [value] * rows for name, value in CUSTOMER.items()} | columns)


def write(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def claim_rows(body, rows, claimed):
    """The file with another number of rows in its footer; both are one byte as Thrift's varints."""
    length = int.from_bytes(body[-8:-4], "little")
    footer = body[-8 - length : -8]
    changed = footer.replace(bytes([0x16, 2 * rows, 0x19]), bytes([0x16, 2 * claimed, 0x19]), 1)
    assert changed != footer
    return body[: -8 - length] + changed + body[-8:]


def test_identifiers_that_are_not_utf_8_are_rejected(post):
    valid = pa.array([b"C\xff", b"C2"])
    undecoded = pa.Array.from_buffers(pa.string(), 2, valid.buffers())
    table = pa.Table.from_pandas(FRAME.head(2)).set_column(0, "customer_id", undecoded)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    status, reply = post(buffer.getvalue(), PARQUET)
    assert (status, reply["message"]) == (
        400,
        "the column 'customer_id' has strings that are not UTF-8",
    )


def test_the_rows_of_a_parquet_file_are_counted_as_they_are_read():
    body = claim_rows(write(table_of(50)), 50, 1)
    assert pq.ParquetFile(io.BytesIO(body)).metadata.num_rows == 1
    assert read_parquet(body, CUSTOMER_SCHEMA, 50, MIB).n == 50
    with pytest.raises(ApiError) as caught:
        read_parquet(body, CUSTOMER_SCHEMA, 49, MIB)
    assert caught.value.status == 413
    assert read_parquet(write(table_of(0)), CUSTOMER_SCHEMA, 50, MIB).n == 0


def test_a_parquet_file_with_a_duplicate_column_is_rejected():
    table = table_of(2).append_column("age", pa.array([1, 2]))
    with pytest.raises(ApiError, match="2 columns 'age'"):
        read_parquet(write(table), CUSTOMER_SCHEMA, 50, MIB)


def assert_too_large(table, max_rows=10_000, max_bytes=MIB, **options):
    body = write(table, **options)
    assert len(body) < 100_000
    with pytest.raises(ApiError) as caught:
        read_parquet(body, CUSTOMER_SCHEMA, max_rows, max_bytes)
    assert caught.value.status == 413


def test_columns_outside_the_schema_are_not_decoded():
    rows = 1000
    table = table_of(rows, note=["x" * 10_000] * rows, numbers=pa.array(np.zeros(rows)))
    body = write(table)
    assert read_parquet(body, CUSTOMER_SCHEMA, rows, MIB).n == rows


def test_decoded_bytes_are_counted_over_all_batches():
    rows = 40_000
    table = table_of(rows, customer_id=["x" * 200] * rows)
    assert_too_large(table, rows, 6 * MIB)
    assert read_parquet(write(table), CUSTOMER_SCHEMA, rows, 16 * MIB).n == rows


def test_a_column_that_is_too_large_by_the_footer_is_rejected():
    ids = [f"{'x' * 100_000}{i}" for i in range(100)]
    assert_too_large(table_of(100, customer_id=ids), compression="zstd", use_dictionary=False)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_the_size_of_a_page_is_not_taken_from_the_footer(version):
    ids = [f"{'x' * 100_000}{i}" for i in range(100)]
    options = {"compression": "zstd", "use_dictionary": False, "data_page_version": version}
    body = write(table_of(100, customer_id=ids), **options)
    claimed = pq.ParquetFile(io.BytesIO(body)).metadata.row_group(0).column(0)
    real = varint(2 * claimed.total_uncompressed_size)
    assert body.count(real) == 1
    forged = body.replace(real, b"\x80" * (len(real) - 1) + b"\x00")  # zero in as many bytes
    chunk = pq.ParquetFile(io.BytesIO(forged)).metadata.row_group(0).column(0)
    assert chunk.total_uncompressed_size == 0
    with pytest.raises(ApiError) as caught:
        read_parquet(forged, CUSTOMER_SCHEMA, 100, MIB)
    assert caught.value.status == 413
    assert read_parquet(body, CUSTOMER_SCHEMA, 100, 16 * MIB).n == 100


def varint(value):
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "gzip", "write_page_checksum": True},
        {"compression": "brotli", "data_page_version": "2.0"},
        {"data_page_size": 100, "use_dictionary": False},
        {"row_group_size": 7, "write_statistics": False},
        {"version": "1.0", "use_byte_stream_split": ["monthly_charges"], "use_dictionary": False},
    ],
    ids=str,
)
def test_the_pages_of_all_kinds_of_files_are_found(options):
    table = pa.Table.from_pandas(simulate(500, seed=4).customers)
    body = write(table, **options)
    checked = read_parquet(body, CUSTOMER_SCHEMA, 500, MIB)
    assert list(checked.identifiers["customer_id"]) == table["customer_id"].to_pylist()
    metadata = pq.ParquetFile(io.BytesIO(body)).metadata
    found = list(row_groups(body, range(metadata.num_columns)))
    assert sum(group.rows for group in found) == 500
    for i, group in enumerate(found):
        pages = list(group.pages)
        chunks = [metadata.row_group(i).column(leaf) for leaf in range(metadata.num_columns)]
        claimed = sum(chunk.total_uncompressed_size for chunk in chunks)
        # the footer's total includes the headers
        assert 0 <= claimed - sum(page.size for page in pages) < 100 * len(pages)


def test_a_string_that_is_long_in_every_row_is_rejected_although_it_is_stored_once():
    assert_too_large(table_of(1000, customer_id=["x" * 10_000] * 1000))
    category = pa.array(["x" * 10_000] * 1000).dictionary_encode()
    assert_too_large(table_of(1000, customer_id=category))


def test_rows_are_checked_before_they_are_decoded():
    assert_too_large(table_of(10_001))


def test_a_footer_that_takes_too_much_memory_is_rejected():
    wide = {f"c{i}": pa.array([0, 0], pa.int8()) for i in range(12_000)}
    with pytest.raises(ApiError, match="footer") as caught:
        read_parquet(write(table_of(2, **wide)), CUSTOMER_SCHEMA, 50, MIB)
    assert caught.value.status == 413


def test_an_encoding_whose_size_says_little_is_rejected():
    ids = ["x" * 10_000 + str(i) for i in range(1000)]
    body = write(
        table_of(1000, customer_id=ids),
        use_dictionary=False,
        column_encoding={"customer_id": "DELTA_BYTE_ARRAY"},
    )
    with pytest.raises(ApiError, match="DELTA_BYTE_ARRAY") as caught:
        read_parquet(body, CUSTOMER_SCHEMA, 1000, MIB)
    assert caught.value.status == 400


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_strings_of_all_types_are_read(kind):
    table = table_of(2, customer_id=pa.array(["a", "b"], kind))
    checked = read_parquet(write(table), CUSTOMER_SCHEMA, 50, MIB)
    assert list(checked.identifiers["customer_id"]) == ["a", "b"]


@settings(max_examples=200)
@given(st.data())
def test_damaged_files_are_rejected_or_read(data):
    body = bytearray(write(table_of(3), compression="NONE"))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ApiError):  # pyarrow's objects for column chunks would end the process
        read_parquet(bytes(body), CUSTOMER_SCHEMA, 50, MIB)


@settings(max_examples=200)
@given(st.text(alphabet='a1,"\n\r\x00\ufeff é', max_size=40))
def test_any_text_is_rejected_or_read(text):
    with suppress(ApiError, InvalidRecords):
        read_csv(HEADER + b"\n" + text.encode(), CUSTOMER_SCHEMA, 50)


def test_large_tables_of_both_kinds_agree():
    frame = simulate(1500, seed=15).customers
    text = read_csv(frame.to_csv(index=False).encode(), CUSTOMER_SCHEMA, 1500)
    typed = read_parquet(parquet(frame), CUSTOMER_SCHEMA, 1500, MIB)
    assert text.n == typed.n == 1500
    for name in typed.values:
        np.testing.assert_array_equal(text.values[name], typed.values[name])


@pytest.mark.parametrize(
    ("kind", "cells", "rule"),
    [
        ("date", pa.array([1_767_225_600_000_000_001], pa.int64()).cast(pa.timestamp("ns")), True),
        ("date", pa.array([1_767_225_600_000_000_000], pa.int64()).cast(pa.timestamp("ns")), False),
        ("date", pa.array([1_493_192_683], pa.int32()).cast(pa.date32()), True),
        ("integer", pa.array([None, -(2**63)], pa.int64()), False),
        ("number", pa.array([None, -(2**63)], pa.int64()), False),
        ("number", pa.array([np.float16(1.5), np.float16(-1)], pa.float16()), False),
    ],
    ids=str,
)
def test_values_at_the_ends_of_their_types_are_no_errors_of_the_server(kind, cells, rule):
    schema = RecordSchema("one", (Column("x", kind, required=False),))
    written = TableDescriptor.plain(schema).model_copy(update={"missing": ["", "-1"]})
    checked = read_parquet(write(pa.table({"x": cells})), schema, 10, MIB, written)
    assert checked.valid.all() != rule


@pytest.mark.parametrize("type_", [pa.float16(), pa.float32(), pa.float64()], ids=str)
def test_numbers_that_mean_missing_are_those_of_the_columns_type(type_):
    schema = RecordSchema("one", (Column("x", "number", required=False),))
    written = TableDescriptor.plain(schema).model_copy(update={"missing": ["", "-99.5", "0.5"]})
    cells = pa.array([np.float16(each) for each in (-99.5, 1.5, 0.5)], pa.float16()).cast(type_)
    for column in (cells, pa.concat_arrays([cells, pa.nulls(1, type_)])):
        checked = read_parquet(write(pa.table({"x": column})), schema, 10, MIB, written)
        assert np.isnan(checked.values["x"]).tolist()[:3] == [True, False, True]


@pytest.mark.parametrize("type_", [pa.float32(), pa.float64()], ids=str)
def test_a_rounded_number_that_means_missing_is_found(type_):
    schema = RecordSchema("one", (Column("x", "number", required=False),))
    written = TableDescriptor.plain(schema).model_copy(update={"missing": ["", "-999.99"]})
    body = write(pa.table({"x": pa.array([-999.99, 1.5], type_)}))
    assert np.isnan(read_parquet(body, schema, 10, MIB, written).values["x"]).tolist() == [
        True,
        False,
    ]
