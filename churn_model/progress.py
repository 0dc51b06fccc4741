"""Shows on one line of the terminal what is in progress. Nothing is shown without a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_ERASE_LINE = "\r\x1b[K"


@contextmanager
def in_progress(text: str) -> Iterator[None]:
    """Show a text while the block runs, and erase it afterwards."""
    terminal = sys.stderr
    if not terminal.isatty():
        yield
        return
    print(f"{text} ...", end="", file=terminal, flush=True)
    try:
        yield
    finally:
        print(_ERASE_LINE, end="", file=terminal, flush=True)
