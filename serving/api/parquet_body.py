"""Parquet bodies, read as batch scoring reads Parquet files: by the types of their columns."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from churn_model.schema import RecordSchema
from churn_model.tables.arrow_table import check_arrow
from churn_model.tables.descriptor import TableDescriptor
from churn_model.tables.typed import plain
from churn_model.validation import Checked
from serving.api.parquet_pages import MAX_FOOTER, footer_size, row_groups
from serving.api.requests import too_many_customers
from serving.api.table_columns import describe_columns, find_columns
from serving.api.thrift import Damaged
from serving.http.errors import ApiError

_BATCH_ROWS = 8192

_EXPANDING = 7
"""The number of the encoding DELTA_BYTE_ARRAY. Its strings share prefixes, so the size of a page
says little about theirs."""


def read_parquet(
    body: bytes,
    schema: RecordSchema,
    max_rows: int,
    max_bytes: int,
    descriptor: TableDescriptor | None = None,
) -> Checked:
    """The checked customers (n) of a Parquet body; only the model's columns are read.

    ``descriptor``: which values mean missing, and how strings are written; None for the usual way.
    Raises ApiError 400 for a body that is not Parquet, lacks a column or has a nested one, and 413
    for more than ``max_rows`` customers or ``max_bytes`` of decoded values. What footer and page
    headers claim is checked before anything is decoded, and what was decoded after each batch.
    """
    _check_footer(body)
    try:
        file = pyarrow.parquet.ParquetFile(pa.BufferReader(body))
        found = file.schema_arrow
    except (pa.ArrowException, OSError, ValueError):
        raise ApiError(400, "the body is not a Parquet file") from None
    positions = find_columns(found.names, schema)
    columns = {field: found.names[position] for field, position in positions.items()}
    for field, name in columns.items():
        _check_type(field, found.field(name).type, schema)
    try:
        _check_sizes(body, file, list(columns.values()), max_rows, max_bytes)
        types = {name: found.field(name).type for name in columns.values()}
        arrays = _read_arrays(body, file.metadata, types, max_rows, max_bytes)
    except (pa.ArrowException, OSError, ValueError):
        raise ApiError(400, "the Parquet file is damaged") from None
    cells = dict(zip(columns, arrays, strict=True))
    return check_arrow(cells, schema, descriptor or TableDescriptor.plain(schema))


def _check_type(field: str, found: pa.DataType, schema: RecordSchema) -> None:
    """Raise ApiError 400 unless a column has numbers, booleans, strings, dates or only nulls."""
    if pa.types.is_dictionary(found):
        found = found.value_type
    if not any(is_type(found) for is_type in _TYPES):
        raise ApiError(
            400,
            f"the column {field!r} must have numbers, booleans, strings or dates. "
            f"{describe_columns(schema)}",
        )


_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_TYPES = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_boolean,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_null,
    *_TEXTS,
)


def _check_footer(body: bytes) -> None:
    """Raise ApiError for a body without a footer, or with one that takes too much memory."""
    try:
        size = footer_size(body)
    except Damaged:
        raise ApiError(400, "the body is not a Parquet file") from None
    if size > MAX_FOOTER:
        raise ApiError(
            413,
            f"the Parquet file has a footer of more than {MAX_FOOTER} bytes; send fewer columns "
            "and row groups",
        )


def _check_sizes(
    body: bytes,
    file: pyarrow.parquet.ParquetFile,
    columns: list[str],
    max_rows: int,
    max_bytes: int,
) -> None:
    """Raise ApiError if the file has too many rows, or the columns too many bytes."""
    leaves = [i for i, leaf in enumerate(file.schema) if leaf.path in columns]
    rows = size = 0
    for group in row_groups(body, leaves):
        rows += group.rows
        if rows > max_rows:
            raise too_many_customers(max_rows)
        for page in group.pages:
            size += page.size
            if page.encoding == _EXPANDING:
                raise ApiError(
                    400,
                    "the Parquet file uses the encoding DELTA_BYTE_ARRAY, which is not accepted; "
                    "write it with PLAIN or dictionary encoding",
                )
            if size > max_bytes:
                raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> ApiError:
    return ApiError(
        413, f"the model's columns take more than {max_bytes} bytes decoded; send fewer customers"
    )


def _read_arrays(
    body: bytes,
    metadata: pyarrow.parquet.FileMetaData,
    types: Mapping[str, pa.DataType],
    max_rows: int,
    max_bytes: int,
) -> list[pa.Array]:
    """The columns (n,) of these types, in their order; rows and bytes are counted as they are read.

    Strings are read as dictionaries, which take no more memory than in the file: a long string may
    occur once there and in every row of the column.
    """
    columns = list(types)
    selected = columns if len(columns) < metadata.num_columns else None  # faster than all names
    texts = [name for name, found in types.items() if _is_text(found)]
    reader = pyarrow.parquet.ParquetFile(
        pa.BufferReader(body), metadata=metadata, read_dictionary=texts
    )
    batches: list[list[pa.Array]] = []
    rows = size = 0
    for batch in reader.iter_batches(_BATCH_ROWS, columns=selected, use_threads=False):
        rows += batch.num_rows
        if rows > max_rows:
            raise too_many_customers(max_rows)
        encoded = [batch.column(name) for name in columns]
        dictionaries = [a.dictionary for a in encoded if isinstance(a, pa.DictionaryArray)]
        # usually not even the longest strings would be too large in every row
        at_most = batch.nbytes + batch.num_rows * sum(each.nbytes for each in dictionaries)
        left = max_bytes - size
        if at_most > left and sum(map(_decoded_size, encoded)) > left:
            raise _too_large(max_bytes)
        arrays = [plain(array) for array in encoded]
        size += sum(array.nbytes for array in arrays)
        batches.append([_valid(name, array) for name, array in zip(columns, arrays, strict=True)])
    if not batches:
        return [plain(pa.array([], found)) for found in types.values()]
    if len(batches) == 1:
        return batches[0]
    return [pa.concat_arrays(arrays) for arrays in zip(*batches, strict=True)]


def _valid(name: str, array: pa.Array) -> pa.Array:
    """The column, if its values are valid. Raises ApiError 400, and ArrowInvalid for decimals."""
    if pa.types.is_decimal(array.type):
        array.validate(full=True)
    elif isinstance(array, pa.StringArray | pa.LargeStringArray):
        try:
            array.validate(full=True)
        except pa.ArrowInvalid:
            raise ApiError(400, f"the column {name!r} has strings that are not UTF-8") from None
    return array


def _is_text(found: pa.DataType) -> bool:
    return any(is_type(found) for is_type in _TEXTS)


def _decoded_size(array: pa.Array) -> int:
    """The bytes of a column (n,) without dictionary."""
    if not pa.types.is_dictionary(array.type) or not _is_text(array.type.value_type):
        return int(array.nbytes)
    lengths = pc.binary_length(array.dictionary).take(array.indices)
    return int(array.indices.nbytes) + int(pc.sum(lengths).as_py() or 0)
