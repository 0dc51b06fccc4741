"""The output folder: results are written next to it and published in one move.

::

    OUT/scored/run=<id>/...      the scored rows
    OUT/rejected/run=<id>/...    the rejected rows, unchanged, with every reason
    OUT/_summary-<id>.json       the summary that the command printed

A run that is killed leaves at most ``OUT.partial-<id>``, which the next run removes, or the old
output as ``OUT.replaced-<id>``, which the next run restores. Readers of ``OUT/scored`` see all rows
of a run or none of them: its folder is moved there in one step, as the last one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from batch.options import Mode
from churn_model.errors import BatchError

SCORED, REJECTED = "scored", "rejected"


class Destination(Protocol):
    """Holds unpublished results and publishes them as a whole: ``OutputFolder``, ``OutputTables``.

    ``kind`` is SCORED or REJECTED.
    """

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
    """Prepare the destination; if the block fails, discard what it wrote."""
    destination.prepare()
    try:
        yield
    except BaseException:
        destination.discard()
        raise


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


class Store(Protocol):
    """The operations of a file system that an output folder needs; names are paths or URIs."""

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of this name."""

    def children(self, name: str) -> list[str]:
        """The names in a folder, without the folder's; empty if there is no such folder."""

    def make_folder(self, name: str) -> None:
        """Create a folder with its parents. Raises OSError."""

    def move(self, source: str, target: str) -> None:
        """Rename a file or folder in one step."""

    def remove(self, name: str) -> None:
        """Delete a file, or a folder with its contents."""

    def write(self, name: str, text: str) -> None:
        """Write a file."""


class LocalStore:
    """The file system of this machine. All methods raise OSError."""

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of this name."""
        return Path(name).exists()

    def children(self, name: str) -> list[str]:
        """The names in a folder."""
        return sorted(path.name for path in Path(name).iterdir()) if Path(name).is_dir() else []

    def make_folder(self, name: str) -> None:
        """Create a folder with its parents."""
        Path(name).mkdir(parents=True, exist_ok=True)

    def move(self, source: str, target: str) -> None:
        """Rename a file or folder in one step."""
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(source).rename(target)

    def remove(self, name: str) -> None:
        """Delete a file, or a folder with its contents."""
        if Path(name).is_dir():
            shutil.rmtree(name)
        else:
            Path(name).unlink()

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class OutputFolder:
    """The results of one run in a folder. ``base``: the folder, without a slash at its end."""

    store: Store
    base: str
    run: str
    mode: Mode

    @property
    def partial(self) -> str:
        """Where the run writes: next to the output, on the same file system."""
        return f"{self.base}.partial-{self.run}"

    @property
    def replaced(self) -> str:
        """Where the old output is while the new one takes its place."""
        return f"{self.base}.replaced-{self.run}"

    def folder(self, kind: str) -> str:
        """The folder to write rows of this kind to."""
        return f"{self.partial}/{kind}/run={self.run}"

    def prepare(self) -> None:
        """Check that the output can be written, and undo what earlier runs left unfinished.

        Raises BatchError if the output cannot be written, or exists and must not be changed.
        """
        self._restore_replaced()
        if self.mode == "error" and self.store.exists(self.base):
            raise output_exists(self.base)
        self._remove_unfinished()
        try:
            self.store.make_folder(self.partial)
        except OSError as error:
            raise not_writable(self.base, error) from None

    def _restore_replaced(self) -> None:
        for name in self._siblings("replaced"):
            if self.store.exists(self.base):
                self.store.remove(name)
            else:
                self.store.move(name, self.base)

    def _remove_unfinished(self) -> None:
        for name in self._siblings("partial"):
            self.store.remove(name)
        finished = self.store.children(f"{self.base}/{SCORED}")
        for name in self.store.children(f"{self.base}/{REJECTED}"):
            if name.startswith("run=") and name not in finished:
                self.store.remove(f"{self.base}/{REJECTED}/{name}")

    def _siblings(self, kind: str) -> list[str]:
        """Folders next to the output that other runs left."""
        parent, slash, own = self.base.rpartition("/")
        names = self.store.children(parent or slash or ".")
        return [parent + slash + name for name in names if name.startswith(f"{own}.{kind}-")]

    def publish(self, summary: dict[str, Any]) -> None:
        """Move the results to the output."""
        file = f"_summary-{self.run}.json"
        self.store.write(f"{self.partial}/{file}", json.dumps(summary, indent=1))
        if self.mode == "append" and self.store.exists(self.base):
            self.store.move(f"{self.partial}/{file}", f"{self.base}/{file}")
            for kind in (REJECTED, SCORED):
                self.store.move(self.folder(kind), f"{self.base}/{kind}/run={self.run}")
            self.store.remove(self.partial)
            return
        if self.store.exists(self.base):
            self.store.move(self.base, self.replaced)
        self.store.move(self.partial, self.base)
        if self.store.exists(self.replaced):
            self.store.remove(self.replaced)

    def discard(self) -> None:
        """Remove the unpublished results; the old output is back in its place."""
        if self.store.exists(self.partial):
            self.store.remove(self.partial)
        if self.store.exists(self.replaced) and not self.store.exists(self.base):
            self.store.move(self.replaced, self.base)
