"""The sizes in a Parquet file, read from its footer and from the header in front of each page.

Both are read here and not by pyarrow, for two reasons. The decoder trusts the page headers, so a
file whose footer claims a kilobyte may contain a page of two gigabytes. And pyarrow's objects for
column chunks end the process (``std::terminate``) if a footer is damaged in certain ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from serving.api.thrift import Damaged, Fields, Struct, read_struct

MAX_FOOTER = 2**20
"""Bytes. A footer takes about 100 bytes per column and row group, and ten times that in memory."""

_MAX_PAGES = 50_000
"""Pages of all columns, which take a quarter of a second to find. A writer makes one for each MiB
or for 20,000 values, and another for each dictionary."""

# field ids in Parquet's Thrift definition
_ROW_GROUPS = 4
_COLUMNS, _NUM_ROWS = 1, 3
_COLUMN_METADATA = 3
_NUM_VALUES, _TOTAL_COMPRESSED_SIZE, _DATA_OFFSET, _DICTIONARY_OFFSET = 5, 7, 9, 11
_UNCOMPRESSED_SIZE, _COMPRESSED_SIZE = 2, 3
_DATA_PAGE, _DATA_PAGE_ENCODING = 5, 2
_DATA_PAGE_V2, _DATA_PAGE_V2_ENCODING = 8, 4
_ENCODINGS = (_DATA_PAGE, _DATA_PAGE_ENCODING), (_DATA_PAGE_V2, _DATA_PAGE_V2_ENCODING)

_CHUNK = dict.fromkeys((_NUM_VALUES, _TOTAL_COMPRESSED_SIZE, _DATA_OFFSET, _DICTIONARY_OFFSET))
_FOOTER: Fields = {_ROW_GROUPS: {_COLUMNS: {_COLUMN_METADATA: _CHUNK}, _NUM_ROWS: None}}
_PAGE_HEADER: Fields = {
    _UNCOMPRESSED_SIZE: None,
    _COMPRESSED_SIZE: None,
    _DATA_PAGE: {_DATA_PAGE_ENCODING: None},
    _DATA_PAGE_V2: {_DATA_PAGE_V2_ENCODING: None},
}


class Page(NamedTuple):
    """Bytes after decompression, and the number of the encoding (None for a dictionary)."""

    size: int
    encoding: int | None


class RowGroup(NamedTuple):
    """Number of rows, and the pages of the columns asked for."""

    rows: int
    pages: Iterator[Page]


def footer_size(body: bytes) -> int:
    """The bytes of the footer. Raises Damaged for a body that is not a Parquet file."""
    size = int.from_bytes(body[-8:-4], "little")
    if body[-4:] != b"PAR1" or size > len(body) - 12:
        raise Damaged("the body is not a Parquet file")
    return size


def row_groups(body: bytes, columns: Sequence[int]) -> Iterator[RowGroup]:
    """The row groups, with the pages of the columns at these positions.

    Raises Damaged, also while pages are read.
    """
    start = len(body) - 8 - footer_size(body)
    footer, _ = read_struct(body[start:-8], 0, _FOOTER)
    numbers = iter(range(_MAX_PAGES))
    with _damaged_if_incomplete():
        for group in footer[_ROW_GROUPS]:
            chunks = [group[_COLUMNS][column][_COLUMN_METADATA] for column in columns]
            rows = group[_NUM_ROWS]
            if rows < 0:
                raise Damaged("a row group has a negative number of rows")
            yield RowGroup(rows, _pages(body, chunks, numbers))


def _pages(body: bytes, chunks: Sequence[Struct], numbers: Iterator[int]) -> Iterator[Page]:
    """The pages of column chunks; each page takes one of the numbers that are left."""
    with _damaged_if_incomplete():
        for chunk in chunks:
            if chunk[_NUM_VALUES] <= 0:
                continue  # the decoder reads nothing
            start = chunk[_DATA_OFFSET]
            dictionary = chunk.get(_DICTIONARY_OFFSET) or 0
            if 0 < dictionary < start:
                start = dictionary
            end = start + chunk[_TOTAL_COMPRESSED_SIZE]
            yield from _pages_between(body, start, end, numbers)


def _pages_between(body: bytes, position: int, end: int, numbers: Iterator[int]) -> Iterator[Page]:
    if not 0 <= position <= end <= len(body):
        raise Damaged("a column is outside the file")
    while position < end:
        if next(numbers, None) is None:
            raise Damaged(f"there are more than {_MAX_PAGES} pages")
        header, position = read_struct(body, position, _PAGE_HEADER)
        size, compressed = header[_UNCOMPRESSED_SIZE], header[_COMPRESSED_SIZE]
        if size < 0 or compressed < 0:
            raise Damaged("a page has a negative size")
        yield Page(size, _encoding(header))
        position += compressed


@contextmanager
def _damaged_if_incomplete() -> Iterator[None]:
    """Raise Damaged for a field that is missing or of another type."""
    try:
        yield
    except (LookupError, TypeError, AttributeError):
        raise Damaged("a struct lacks a field") from None


def _encoding(header: Struct) -> int | None:
    for page, encoding in _ENCODINGS:
        if page in header:
            found: int = header[page][encoding]
            return found
    return None
