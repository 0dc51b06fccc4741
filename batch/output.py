"""What both kinds of output have in common: a folder, and tables of a catalog."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from churn_model.errors import BatchError

SCORED, REJECTED = "scored", "rejected"


class Destination(Protocol):
    """Holds unpublished results and publishes them as a whole: ``OutputFolder``, ``OutputTables``.

    ``kind`` is SCORED or REJECTED.
    """

    def reserve(self) -> None:
        """Lock the output for this run. Raises BatchError if another run is writing to it."""

    def release(self) -> None:
        """End the lock."""

    def prepare(self) -> None:
        """Check that results can be written. Raises BatchError."""

    def folder(self, kind: str) -> str:
        """The folder or table to write rows of this kind to."""

    def publish(self, summary: dict[str, Any]) -> None:
        """Move the results to the output."""

    def discard(self) -> None:
        """Remove the unpublished results."""


@contextmanager
def discarded_on_error(destination: Destination) -> Iterator[None]:
    """Reserve and prepare the destination; if the block fails, discard what it wrote."""
    destination.reserve()
    try:
        destination.prepare()
        yield
    except BaseException:
        destination.discard()
        raise
    finally:
        destination.release()


def output_exists(name: str) -> BatchError:
    """The error for an output that exists already and must not be changed."""
    return BatchError(
        f"{name}: exists already; add to it with --mode append, or replace it with --mode overwrite"
    )


def not_writable(name: str, error: OSError | str) -> BatchError:
    """The error for an output that cannot be written."""
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
    return BatchError(
        f"{name}: cannot be written ({reason}); nothing was scored: choose another --output, or "
        "correct its permissions or free space"
    )


def check_separate(sources: Iterable[str], output: str) -> None:
    """Raise BatchError if an input contains the output or the other way round.

    ``sources`` and ``output`` are absolute names.
    """
    for source in sources:
        inner, outer = sorted((source, output), key=len, reverse=True)
        if inner == outer or inner.startswith(outer.rstrip("/") + "/"):
            raise BatchError(
                f"{output}: overlaps with the input {source}; choose an --output outside of it"
            )
