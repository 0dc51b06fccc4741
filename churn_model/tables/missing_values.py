"""Strings that mean a missing value. Which ones do depends on where they are."""

from __future__ import annotations

MISSING = ("", "NA", "N/A", "NaN", "null", "NULL")
"""In any field of a table without a list of its own (``missing`` in a descriptor).

An identifier is an exception: only an empty cell is a missing identifier.
"""

NUMERICAL_MARKS = frozenset({"?", "-", ".", "nan", "None", "none", "n/a", "#N/A", "unknown"})
"""Also in numerical columns and dates, if inference finds them there.

In other columns they may be category levels.
"""

DATE_MARKS = frozenset({"0", "00000000", "0000-00-00", "00/00/0000", "00.00.0000"})
"""Also in columns of dates."""

_TARGET_MISSING = frozenset({*MISSING, "nan", "None", "?", "-", "<NA>"})
_TARGET_PENDING = frozenset({"n/a", "unknown", "pending", "not available", "tbd", "undefined"})


def is_no_label(value: str) -> bool:
    """Whether a value of the target says that the row has no label, unless the user names it.

    ``none`` is a label: it may mean a status.
    """
    return value in _TARGET_MISSING or value.lower() in _TARGET_PENDING


PANDAS_MISSING = frozenset({"None", "n/a", "nan", "<NA>", "#N/A", "#NA"})
"""Category levels to this project that ``pandas.read_csv`` reads as missing by default."""
