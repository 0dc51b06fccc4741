"""Finds a quote of a CSV file that is not closed where its cell ends.

Parsers accept such a quote: the rows up to the next quote, or up to the end of the file, become
part of one cell, and these customers are neither scored nor rejected.
"""

from __future__ import annotations

import re

import numpy as np

from churn_model.errors import TableError

_QUOTE = ord('"')


class QuoteCheck:
    """Follows the quotes of one file, whose bytes are added in blocks of any size.

    A quote opens a cell only at its start, and two quotes within a quoted cell stand for one, as in
    RFC 4180. The bytes are UTF-8.

    ``line``: the line after the last block. ``inside``: whether a quote is open there.
    ``opened_in``: the line of that quote, or of the last one.
    """

    def __init__(self, file: str, separator: str) -> None:
        self._file = file
        self._ends = f"{separator}\r\n".encode()
        self._opening = re.compile(rb"[" + re.escape(self._ends) + rb']"')
        self.inside = False
        self.opened_in = 0
        self.line = 1
        self._previous = b"\n"  # the byte before the next block
        self._held = b""  # a quote at the end of a block, until the byte after it is known

    def add(self, block: bytes) -> None:
        """Check the next bytes. Raises TableError if text follows a quote that closed late."""
        if not block:
            return
        block, self._held = self._held + block, b""
        if b'"' in block:
            self._follow(self._previous + block)
        else:
            self.line += block.count(b"\n")
            self._previous = block[-1:]

    def finish(self) -> None:
        """Check the end of the file. Raises TableError if a quote is open."""
        self.add(b"\n")
        if self.inside:
            raise TableError(
                f"{self._file}: the quote that opens in line {self.opened_in} is never closed; "
                "correct the file"
            )

    def _follow(self, data: bytes) -> None:
        """Check bytes; the first of them has been checked already."""
        if not self._follow_regular(data):
            self._follow_each(data)
        self.line += data.count(b"\n", 1)
        checked = data[: len(data) - len(self._held)]
        self._previous = b"x" if checked.endswith(b'"') else checked[-1:]

    def _follow_regular(self, data: bytes) -> bool:
        """Follow all quotes at once; returns False if one is not where it should be.

        Each second quote opens a cell and the next one closes it, also if the two stand for one:
        such a cell is closed and opened again.
        """
        codes = np.frombuffer(data, np.uint8)
        quotes = np.flatnonzero(codes[1:] == _QUOTE) + 1
        first = int(self.inside)
        opening, closing = quotes[first::2], quotes[1 - first :: 2]
        inside = len(opening) + first > len(closing)
        held = b""
        if not inside and closing[-1] == len(data) - 1:
            closing, inside, held = closing[:-1], True, b'"'
        neighbours = np.concatenate([codes[opening - 1], codes[closing + 1]])
        if not np.isin(neighbours, np.frombuffer(self._ends + b'"', np.uint8)).all():
            return False
        starts = opening[codes[opening - 1] != _QUOTE]
        if len(starts):
            self.opened_in = self._line_at(data, int(starts[-1]))
        self.inside, self._held = inside, held
        return True

    def _follow_each(self, data: bytes) -> None:
        """Follow one quote after another."""
        position = self._close(data, 1) if self.inside else 1
        while not self.inside:
            match = self._opening.search(data, position - 1)
            if match is None:
                return
            self.inside = True
            self.opened_in = self._line_at(data, match.end())
            position = self._close(data, match.end())

    def _close(self, data: bytes, position: int) -> int:
        """The position after the quote that closes the open cell, if it is there."""
        while (quote := data.find(b'"', position)) >= 0:
            after = data[quote + 1 : quote + 2]
            if not after:
                self._held = b'"'
                break
            if after != b'"':
                self.inside = False
                self._check_end(self._line_at(data, quote), after)
                return quote + 1
            position = quote + 2
        return position

    def _check_end(self, line: int, after: bytes) -> None:
        if line != self.opened_in and after not in self._ends:
            raise TableError(
                f"{self._file}: the quote that opens in line {self.opened_in} is closed in the "
                f"middle of a cell in line {line}; correct the file"
            )

    def _line_at(self, data: bytes, position: int) -> int:
        return self.line + data.count(b"\n", 1, position)
