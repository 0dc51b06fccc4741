"""Numbers as tables write them, such as ``$1,234.50``, ``1.234,50`` and ``12 %``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property

_CURRENCY = r"(?:[$€£¥₹]|USD|EUR|GBP|CHF|JPY|INR|CAD|AUD|BRL)"
_BLANKS = "\u0020\u00a0\u202f"
_NOT_IN_A_NUMBER = re.compile(rf"{_CURRENCY}|[%\s{_BLANKS}]")


@dataclass(frozen=True)
class NumberFormat:
    """How a column's numbers are written; ``name`` is that of 1234.50, as in ``NUMBER_FORMATS``.

    ``thousands``: the mark between groups of three digits, which may be omitted; empty if there is
    none. ``percent``: whether each number ends in a percent sign, which does not change its value.
    """

    name: str
    decimal: str = "."
    thousands: str = ""
    percent: bool = False

    @cached_property
    def pattern(self) -> str:
        """The regular expression of a number, for Python and for Arrow."""
        mark = rf"[{_BLANKS}]" if self.thousands == " " else re.escape(self.thousands)
        grouped = rf"\d{{1,3}}(?:{mark}\d{{3}})+|\d+" if mark else r"\d+"
        blank = rf"[{_BLANKS}]?"
        sign = rf"[+-]?{blank}"
        amount = rf"(?:{grouped})(?:{re.escape(self.decimal)}\d*)?"
        end = rf"{blank}%" if self.percent else rf"(?:{blank}{_CURRENCY})?"
        return rf"^(?:[+-]?{_CURRENCY}{blank}{sign}|{sign}){amount}{end}$"

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.ASCII)

    def parse(self, text: str) -> float:
        """The number that a trimmed cell contains. Raises ValueError."""
        if not self._compiled.match(text):
            raise ValueError(f"is not a number such as {self.name}")
        text = _NOT_IN_A_NUMBER.sub("", text)
        return float(text.replace(self.thousands, "").replace(self.decimal, "."))


_MARKS = (
    ("1234.50", ".", ""),
    ("1,234.50", ".", ","),
    ("1'234.50", ".", "'"),
    ("1 234.50", ".", " "),
    ("1234,50", ",", ""),
    ("1.234,50", ",", "."),
    ("1 234,50", ",", " "),
    ("1'234,50", ",", "'"),
)


def _formats() -> dict[str, NumberFormat]:
    plain = [NumberFormat(*marks) for marks in _MARKS]
    percent = [replace(each, name=f"{each.name} %", percent=True) for each in plain]
    return {each.name: each for each in (*plain, *percent)}


NUMBER_FORMATS = _formats()
"""The formats by name: the number 1234.50 as the column writes it, with or without a percent sign.

A currency sign before or after the number is ignored.
"""
