"""Locks on files between processes. The kernel ends a lock with its process, however that ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SUPPORTED = fcntl is not None
"""Whether this operating system has such locks."""


def open_locked(file: str | Path, *, wait: bool, mode: int = 0o666) -> int:
    """Open a file, which is created with ``mode`` if there is none, and lock it.

    Returns the descriptor; closing it ends the lock. Raises BlockingIOError if another process has
    the lock and this one should not ``wait``, and OSError if the file cannot be opened or locked.
    """
    if fcntl is None:
        raise OSError("this operating system has no locks on files")
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def locked(file: str | Path, mode: int = 0o666) -> Iterator[None]:
    """Wait for the lock on a file, and keep it while the block runs. Raises OSError."""
    descriptor = open_locked(file, wait=True, mode=mode)
    try:
        yield
    finally:
        os.close(descriptor)
