"""Strings that mean a missing value. Which ones do depends on where they are."""

from __future__ import annotations

MISSING = ("", "NA", "N/A", "NaN", "null", "NULL")
"""In any field of a table without a list of its own (``missing`` in a descriptor).

An identifier is an exception: only an empty cell is a missing identifier.
"""

NUMERICAL_MARKS = frozenset({"?", "-", ".", "nan", "None", "none", "n/a", "#N/A", "unknown"})
"""Also in numerical columns, if inference finds them there.

In other columns they may be category levels.
"""

TARGET_MISSING = frozenset({*MISSING, "nan", "None", "?"})
"""In the target column: the row has no label, unless the user names the value.

Fewer strings than in a numerical column, because ``none`` or ``unknown`` may mean a status.
"""

PANDAS_MISSING = frozenset({"None", "n/a", "nan", "<NA>", "#N/A", "#NA"})
"""Category levels to this project that ``pandas.read_csv`` reads as missing by default."""
