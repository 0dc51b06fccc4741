"""The text of a CSV file as UTF-8, in blocks that pyarrow's parser accepts."""

from __future__ import annotations

import codecs
from typing import Any

from churn_model.errors import TableError, first_line
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.reading.csv_quotes import QuoteCheck

_READ = 1 << 20
"""Bytes that are read at a time."""

LONGEST = 1 << 26
"""Bytes of the longest row that can be parsed."""


class CsvStream:
    """A file of bytes for pyarrow; bytes that are invalid in the encoding become U+FFFD.

    Raises TableError for an unknown encoding or separator, and while it is read for a quote that is
    not closed.
    """

    closed = False

    def __init__(self, name: str, stream: Any, csv_format: CsvFormat) -> None:
        check_separator(csv_format)
        self._name = name
        self._stream = stream
        self._decoder = Utf8Decoder(name, csv_format.encoding)
        self._quotes = QuoteCheck(name, csv_format.separator)
        self._ended = False
        self._first = self.read(LONGEST)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but line ends in the first block."""
        return not self._first.strip()

    def read(self, size: int) -> bytes:
        """The next block: it contains the end of a row if possible; empty at the end."""
        block, self._first = getattr(self, "_first", b""), b""
        if block:
            return block
        blocks: list[bytes] = []
        while not self._ended and sum(map(len, blocks)) <= size - 4 * _READ:
            line = self._quotes.line
            blocks.append(self._decoded())
            self._quotes.add(blocks[-1])
            if self._ended:
                self._quotes.finish()
            has_end = b"\n" in blocks[-1] or b"\r" in blocks[-1]
            if has_end and not (self._quotes.inside and self._quotes.opened_in <= line):
                break
        return b"".join(blocks)

    def _decoded(self) -> bytes:
        block = self._stream.read(_READ)
        self._ended = not block
        text = self._decoder.decode(block, final=self._ended)
        return text + b"\n" if self._ended else text  # pyarrow needs it after the last row

    def explain(self, error: Exception) -> TableError:
        """The error for what the parser raised."""
        while self._quotes.inside and not self._ended:
            self.read(LONGEST)  # if the quote is never closed, it raises a better error
        reason = first_line(error)
        if "straddl" in reason:
            reason = f"a row is longer than {LONGEST >> 20} MiB"
        return TableError(f"{self._name}: cannot be read as csv ({reason})")

    def close(self) -> None:
        """The stream is closed by who opened it."""


class Utf8Decoder:
    """Converts blocks of text in any encoding to UTF-8; invalid bytes become U+FFFD."""

    def __init__(self, name: str, encoding: str) -> None:
        self._name = name
        self._encoding = python_encoding(encoding)
        self._decoder = codecs.getincrementaldecoder(self._encoding)("replace")

    def decode(self, block: bytes, final: bool) -> bytes:
        """The next block. Raises TableError for UTF-16 or UTF-32 without a byte-order mark."""
        try:
            return self._decoder.decode(block, final).encode(errors="replace")
        except UnicodeError:
            raise TableError(f"{self._name}: is not encoded in {self._encoding}") from None


def python_encoding(name: str) -> str:
    """Python's name of a descriptor's encoding. Raises TableError if there is no such encoding."""
    try:
        "".encode(name)
    except LookupError:
        raise TableError(f"[csv] encoding {name!r} does not exist; try 'utf-8'") from None
    found = codecs.lookup(name).name
    return "utf-8-sig" if found == "utf-8" else found  # also without a byte-order mark


def check_separator(csv_format: CsvFormat) -> None:
    """Raise TableError for a separator that the engines do not support."""
    separator = csv_format.separator
    if not separator.isascii() or separator in '"\r\n\0':
        raise TableError(
            f"[csv] separator {separator!r} is not supported; choose an ASCII character that is "
            "neither a quote nor a line end"
        )
