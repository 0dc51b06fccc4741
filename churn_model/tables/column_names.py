"""What to say about a column, or a value of a column, that does not exist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from churn_model.errors import TableError
from churn_model.suggestions import did_you_mean

_LISTED = 20


def suggest(name: str, known: Sequence[str], plural: str = "columns") -> str:
    """What to say after "... has no column 'Chrun'.": the nearest name, then the known names.

    For example ``" Did you mean 'Churn'? The columns are 'Id', 'Age', ... and 18 more"``.
    """
    if not known:
        return f" There are no {plural}"
    listed = ", ".join(map(repr, known[:_LISTED]))
    more = f", ... and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"{did_you_mean(name, known)} The {plural} are {listed}{more}"


def require_column(
    name: str, columns: Iterable[str], named_by: str, path: str | Path | None = None
) -> None:
    """Raise TableError if ``name``, which a flag or a descriptor names, is not a column."""
    known = list(columns)
    if name not in known:
        table = "the table" if path is None else f"{path}:"
        is_day = named_by == "--as-of" and name[:1].isdigit()
        day = " A day is written as 2026-01-31." if is_day else ""
        raise TableError(f"{table} has no column {name!r} ({named_by}).{day}{suggest(name, known)}")
