"""Where the results go: written beside their place, and moved there whole.

::

    OUT/scored/run=<id>/...      the rows that were scored
    OUT/rejected/run=<id>/...    the rows that were not, as they came, with every reason
    OUT/_summary-<id>.json       what the command printed

A run that ends early leaves ``OUT.partial-<id>`` at most, which the next one removes, or the old
output as ``OUT.replaced-<id>``, which the next one puts back. Readers of
``OUT/scored`` see all of a run or nothing of it: its folder gets its name in one move, and last.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from churn_model.errors import BatchError

Mode = Literal["error", "overwrite", "append"]
T = TypeVar("T")
SCORED, REJECTED = "scored", "rejected"


class Place(Protocol):
    """Where results wait, and are published as a whole: ``Output`` or ``Tables``."""

    def prepare(self) -> None:
        """Look whether there is room."""

    def folder(self, kind: str) -> str:
        """Where the scored, or the rejected, rows are written."""

    def publish(self, summary: dict[str, Any]) -> None:
        """Move the results to their place."""

    def discard(self) -> None:
        """Remove what was written so far."""


def fill(place: Place, work: Callable[[], T]) -> T:
    """Do the work whose results wait in a place; where it fails, nothing of it stays."""
    place.prepare()
    try:
        return work()
    except BaseException:
        place.discard()
        raise


def output_exists(name: str) -> BatchError:
    """What is said where an output must not be touched."""
    return BatchError(
        f"{name}: is there already; add to it with --mode append, replace it with --mode overwrite"
    )


class Store(Protocol):
    """The few things that are asked of a file system; names are its own paths or URIs."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder."""

    def children(self, name: str) -> list[str]:
        """The last parts of the names in a folder; none where there is no such folder."""

    def move(self, source: str, target: str) -> None:
        """Give a file or folder another name, in one step."""

    def remove(self, name: str) -> None:
        """Delete a file or folder with all in it."""

    def write(self, name: str, text: str) -> None:
        """Write a file."""


class LocalStore:
    """The files of this machine."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        return Path(name).exists()

    def children(self, name: str) -> list[str]:
        """The names in a folder."""
        return sorted(path.name for path in Path(name).iterdir()) if Path(name).is_dir() else []

    def move(self, source: str, target: str) -> None:
        """Give a file or folder another name, in one step."""
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(source).rename(target)

    def remove(self, name: str) -> None:
        """Delete a folder with all in it."""
        shutil.rmtree(name)

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Output:
    """The place of one run's results. ``base`` has no slash at its end."""

    store: Store
    base: str
    run: str
    mode: Mode

    @property
    def partial(self) -> str:
        """Where the run writes: beside the output, on the same file system."""
        return f"{self.base}.partial-{self.run}"

    @property
    def replaced(self) -> str:
        """Where the old output is while the new one takes its place."""
        return f"{self.base}.replaced-{self.run}"

    def folder(self, kind: str) -> str:
        """Where the run writes its scored, or its rejected rows."""
        return f"{self.partial}/{kind}/run={self.run}"

    def prepare(self) -> None:
        """Look whether there is room, and undo what earlier runs left unfinished.

        Raises BatchError where there is an output already and it must not be touched.
        """
        for name in self._beside("replaced"):
            if self.store.exists(self.base):
                self.store.remove(name)
            else:
                self.store.move(name, self.base)
        if self.mode == "error" and self.store.exists(self.base):
            raise output_exists(self.base)
        for name in self._beside("partial"):
            self.store.remove(name)
        done = self.store.children(f"{self.base}/{SCORED}")
        for name in self.store.children(f"{self.base}/{REJECTED}"):
            if name.startswith("run=") and name not in done:
                self.store.remove(f"{self.base}/{REJECTED}/{name}")

    def _beside(self, kind: str) -> list[str]:
        parent, slash, own = self.base.rpartition("/")
        names = self.store.children(parent or slash or ".")
        return [parent + slash + name for name in names if name.startswith(f"{own}.{kind}-")]

    def publish(self, summary: dict[str, Any]) -> None:
        """Move the results to their place."""
        text = json.dumps(summary, indent=1)
        if self.mode == "append" and self.store.exists(self.base):
            self.store.write(f"{self.base}/_summary-{self.run}.json", text)
            for kind in (REJECTED, SCORED):
                self.store.move(self.folder(kind), f"{self.base}/{kind}/run={self.run}")
            self.store.remove(self.partial)
            return
        self.store.write(f"{self.partial}/_summary-{self.run}.json", text)
        if self.store.exists(self.base):
            self.store.move(self.base, self.replaced)
        self.store.move(self.partial, self.base)
        if self.store.exists(self.replaced):
            self.store.remove(self.replaced)

    def discard(self) -> None:
        """Remove what was written so far."""
        if self.store.exists(self.partial):
            self.store.remove(self.partial)
