"""Shows on one line of the terminal what is in progress. Nothing is shown without a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tqdm import tqdm

from training.interrupt import interruptible

_BAR = "{desc:<18} {bar:30} {n_fmt}/{total_fmt} stages, {elapsed}"
_ERASE_LINE = "\r\x1b[K"


class Stage(NamedTuple):
    """A named part of a run."""

    name: str
    run: Callable[[], object]


def run_stages(stages: Sequence[Stage]) -> None:
    """Run the stages in order, with a progress bar."""
    with (
        interruptible() as raise_if_interrupted,
        tqdm(total=len(stages), disable=None, leave=False, bar_format=_BAR) as bar,
    ):
        for stage in stages:
            raise_if_interrupted()
            bar.set_description_str(stage.name)
            stage.run()
            bar.update()


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
