"""What the training commands print."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


def table_line(label: str, cells: Iterable[str]) -> str:
    """One line of a printed table."""
    return f"{label:24}" + "".join(f"{cell:>19}" for cell in cells)


def as_typed(prog: str, arguments: list[str]) -> str:
    """A command line that can be run again, without parameters that MLproject left empty."""
    return prog + " " + shlex.join(a for a in arguments if not a.endswith("="))
