"""Progress of a batch run: one line on a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from tqdm import tqdm

_REFRESH_SECONDS = 0.5


@contextmanager
def stage(description: str) -> Iterator[None]:
    """Show what the command is doing while the block runs."""
    with tqdm(bar_format="{desc}", desc=f"{description} ...", leave=False, disable=None):
        yield


def row_counter() -> tqdm[Any]:
    """A progress bar that counts rows."""
    return tqdm(desc="scoring", unit=" rows", unit_scale=True, leave=False, disable=None)


@contextmanager
def polled(unit: str, count: Callable[[], tuple[int, int]]) -> Iterator[None]:
    """Show a progress bar while the block runs; ``count`` returns how many are done, of how many.

    It is called from another thread, and only if there is a terminal.
    """
    with tqdm(desc="scoring", unit=f" {unit}", leave=False, disable=None) as bar:
        if bar.disable:
            yield
            return
        finished = Event()
        thread = Thread(target=_poll, args=(bar, count, finished), daemon=True)
        thread.start()
        try:
            yield
        finally:
            finished.set()
            thread.join()


def _poll(bar: tqdm[Any], count: Callable[[], tuple[int, int]], finished: Event) -> None:
    while not finished.wait(_REFRESH_SECONDS):
        bar.n, bar.total = count()
        bar.refresh()
