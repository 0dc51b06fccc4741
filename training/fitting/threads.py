"""How many threads a fit uses: small tables are fitted in one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

ROWS_FOR_ONE_THREAD = 20_000
"""Up to this many rows, starting and joining threads takes longer than they save."""


@contextmanager
def limited_threads(rows: int) -> Iterator[None]:
    """Fit and score small tables in one thread.

    On few rows, OpenMP's threads wait for each other longer than they work: if other programs use
    the cores, boosting on 240 rows takes seconds instead of 0.1 s.
    """
    with threadpool_limits(1 if rows <= ROWS_FOR_ONE_THREAD else None, user_api="openmp"):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Run numpy's linear algebra and OpenMP in one thread.

    Sums depend on how they are divided among threads, and so would a run's last digits.
    """
    with threadpool_limits(1):
        yield
