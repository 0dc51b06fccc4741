"""How the cells of one column are written: which mean missing, and what a number or a date is."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from churn_model.dates import parse_date
from churn_model.schema import Kind
from churn_model.schema.column import Column
from churn_model.tables.date_format import DATE_FORMATS, DateFormat
from churn_model.tables.descriptor import TableDescriptor
from churn_model.tables.number_format import NUMBER_FORMATS, NumberFormat

NUMERICAL: tuple[Kind, ...] = ("integer", "number")


@dataclass(frozen=True)
class CellFormat:
    """How the cells of one column are written.

    ``missing``: strings that mean a missing value. ``missing_numbers``, ``missing_dates``: values
    that do, however a cell writes them. ``number_format`` and ``date_format``: None for plain
    numbers, with ``decimal`` as their mark, and for dates such as 2026-01-31.
    """

    missing: frozenset[str]
    missing_numbers: tuple[float, ...] = ()
    missing_dates: frozenset[date] = frozenset()
    number_format: NumberFormat | None = None
    date_format: DateFormat | None = None
    decimal: str = "."

    @classmethod
    def of(cls, column: Column, descriptor: TableDescriptor) -> CellFormat:
        """The format of a field's cells, as the descriptor says."""
        own = descriptor.missing_in.get(column.name, [])
        if column.kind == "identifier":  # an identifier may be NA or 0
            return cls(frozenset({"", *own}))
        missing = frozenset({*descriptor.missing, *own})
        format_name = descriptor.formats.get(column.name, "")
        if column.kind in NUMERICAL:
            decimal = descriptor.csv.decimal
            numbers = _missing_numbers(missing, format_name, decimal)
            number_format = NUMBER_FORMATS.get(format_name)
            return cls(missing, numbers, number_format=number_format, decimal=decimal)
        if column.kind == "date":
            dates = frozenset(as_dates(missing, format_name))
            return cls(missing, (), dates, date_format=DATE_FORMATS.get(format_name))
        return cls(missing)

    @property
    def is_formatted(self) -> bool:
        """Whether the column has a format of its own."""
        return self.number_format is not None or self.date_format is not None

    def parse_date(self, text: str) -> date:
        """The date in a trimmed cell; dates such as 2026-01-31 are read in every column.

        Raises ValueError.
        """
        return read_date(text, self.date_format)


def read_date(text: str, written: DateFormat | None) -> date:
    """The date in a trimmed cell, in ISO format or as written. Raises ValueError."""
    if written is None:
        return parse_date(text)
    with suppress(ValueError):
        return parse_date(text)
    return written.parse(text)


def as_numbers(texts: Iterable[str], format_name: str, decimal: str) -> list[float]:
    """The numbers among strings, sorted, written plainly or in a format (empty for none)."""
    written = NUMBER_FORMATS.get(format_name)
    found: set[float] = set()
    for text in texts:
        for plain in {text, text.replace(decimal, ".")}:
            with suppress(ValueError):
                found.add(float(plain))
        if written is not None:
            with suppress(ValueError):
                found.add(written.parse(text))
    return sorted(number for number in found if number == number)


@lru_cache
def _missing_numbers(missing: frozenset[str], format_name: str, decimal: str) -> tuple[float, ...]:
    """``as_numbers``, which takes as long as checking the cells of a small table."""
    return tuple(as_numbers(missing, format_name, decimal))


def as_dates(texts: Iterable[str], format_name: str) -> list[date]:
    """The dates among strings, such as 2026-01-31 or in a format (empty for none)."""
    found = []
    for text in texts:
        with suppress(ValueError):
            found.append(read_date(text, DATE_FORMATS.get(format_name)))
    return found
