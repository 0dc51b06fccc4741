"""The output folder: results are written next to it and published in one move.

::

    OUT/scored/run=<id>/...      the scored rows
    OUT/rejected/run=<id>/...    the rejected rows, unchanged, with every reason
    OUT/_summary-<id>.json       the summary that the command printed
    OUT/_files-<id>.json         the files of the run, which marks them as written by this command

A run that is killed leaves at most ``OUT.partial-<id>``, which the next run removes, or the old
output as ``OUT.replaced-<id>``, which the next run restores. Readers of ``OUT/scored`` see all rows
of a run or none of them: its folder is moved there in one step.

Only files that a ``_files-<id>.json`` lists are ever deleted, and the unfinished results of another
run only while this one holds the lock on the output. Until a run is published, its files are known
by their folders and names; a folder with any other file is kept.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from batch.options import Mode
from batch.output import REJECTED, SCORED, not_writable, output_exists
from batch.output_lock import OutputLock
from batch.stores import Store
from churn_model.errors import BatchError

_ROOT = re.compile(r"([\w+.-]+://[^/]*)?/*")
_WRITTEN = re.compile(r"(.*/)?(\.?part[^/]*|\.?_[^/]*|__?(temporary|magic)/.*)")
"""Names of files that engines write to a folder of results: rows, markers, checksums."""
_LIST, _END = "_files-", ".json"
_BEING_REMOVED = "_being_removed"
"""A file in a replaced output whose removal has begun."""


@dataclass
class OutputFolder:
    """The results of one run in a folder.

    ``base``: the folder's absolute name. ``scheme``: what precedes it for the engine that writes.
    """

    store: Store
    base: str
    run: str
    mode: Mode
    scheme: str = ""
    _lock: OutputLock | None = field(default=None, init=False, repr=False)
    _made: list[str] = field(default_factory=list, init=False, repr=False)

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
        return f"{self.scheme}{self.partial}/{kind}/run={self.run}"

    def reserve(self) -> None:
        """Lock the output for this run, and create the folders above it.

        Raises BatchError if another run is writing to it, or if it cannot be written.
        """
        parent = self._parent
        while not _ROOT.fullmatch(parent) and not self.store.exists(parent):
            self._made.append(parent)
            parent = parent.rpartition("/")[0]
        try:
            if self._made:
                self.store.make_folder(self._parent)
            self._lock = self.store.lock(self.base)
        except BaseException as error:
            self.release()
            if isinstance(error, OSError):
                raise not_writable(self.base, error) from None
            raise

    def release(self) -> None:
        """End the lock, and remove the folders above the output if they remained empty."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        for folder in self._made:
            if self.store.exists(folder) and not self.store.remove_if_empty(folder):
                break

    def prepare(self) -> None:
        """Check that the output can be written, and undo what earlier runs left unfinished.

        Raises BatchError if the output cannot be written, or exists and must not be changed.
        """
        self._recover()
        self._check_mode()
        try:
            self.store.make_folder(self.partial)
            self._write_list()
        except OSError as error:
            raise not_writable(self.base, error) from None

    def publish(self, summary: dict[str, Any]) -> None:
        """Move the results to the output."""
        self.store.write(f"{self.partial}/{_summary(self.run)}", json.dumps(summary, indent=1))
        self._write_list()
        self._check_mode()  # the run may have taken hours
        if self.mode == "append" and self.store.exists(self.base):
            self._append()
        else:
            self._replace()

    def discard(self) -> None:
        """Remove the unpublished results; the old output is back in its place."""
        self._undo_append(self.run)
        self._remove_partial(self.partial, self.run)
        if self.store.exists(self.replaced) and not self.store.exists(self.base):
            self.store.move(self.replaced, self.base)

    # --- what may be changed ----------------------------------------------------------------------

    def _check_mode(self) -> None:
        """Raise BatchError if the mode does not permit changing what is there."""
        if not self.store.exists(self.base):
            return
        if self.mode == "error":
            raise output_exists(self.base)
        if not self.store.is_folder(self.base):
            raise BatchError(f"{self.base}: is a file, not a folder; choose another --output")
        foreign = self._foreign(self.base) if self.mode == "overwrite" else None
        if foreign is not None:
            raise BatchError(
                f"{self.base}: contains {foreign}, which churn score did not write and --mode "
                "overwrite would delete; move it, or choose another --output"
            )

    def _foreign(self, folder: str) -> str | None:
        """The first file in a folder that no list of a run contains, if there is one."""
        owned = {_BEING_REMOVED}
        for run in self._runs(folder):
            owned.update(self._listed(folder, run))
        empty = True
        for file in self.store.files(folder):
            empty = False
            if file not in owned and _checked_by(file) not in owned:
                return file
        return next(iter(self.store.children(folder)), None) if empty else None

    def _runs(self, folder: str) -> list[str]:
        """The runs whose lists of files are in a folder."""
        names = self.store.children(folder)
        return [
            n[len(_LIST) : -len(_END)] for n in names if n.startswith(_LIST) and n.endswith(_END)
        ]

    def _listed(self, folder: str, run: str) -> list[str]:
        """The files of a run, by its list; empty if the file is not such a list."""
        try:
            names = json.loads(self.store.read(f"{folder}/{_list(run)}"))
        except ValueError:
            return []
        own = (f"{SCORED}/run={run}/", f"{REJECTED}/run={run}/", _summary(run), _list(run))
        names = names if isinstance(names, list) else []
        return [name for name in names if isinstance(name, str) and name.startswith(own)]

    def _write_list(self) -> None:
        """List the files that were written so far."""
        own = [_list(self.run), _summary(self.run)]
        files = (n for n in self.store.files(self.partial) if _is_written_by(n, self.run))
        names = sorted({*own, *files})
        self.store.write(f"{self.partial}/{_list(self.run)}", json.dumps(names, indent=0))

    # --- publishing -------------------------------------------------------------------------------

    def _append(self) -> None:
        """Move the run into the output: the list of its files first, its summary last.

        Readers see it from the moment at which its scored rows are in place. If it is killed before
        that, the next run undoes what it moved; if later, the next run moves the summary.
        """
        for name in (_list(self.run), f"{REJECTED}/run={self.run}", f"{SCORED}/run={self.run}"):
            self.store.move(f"{self.partial}/{name}", f"{self.base}/{name}")
        with suppress(Exception, KeyboardInterrupt):  # it is published; the next run tries again
            self._finish_append(self.partial, self.run)
            self._remove_partial(self.partial, self.run)

    def _replace(self) -> None:
        """Exchange the old output, if there is one, for the new one."""
        if self.store.exists(self.base) and not self.store.remove_if_empty(self.base):
            self.store.move(self.base, self.replaced)
        self.store.move(self.partial, self.base)
        with suppress(Exception, KeyboardInterrupt):  # it is published; the next run tries again
            if self.store.exists(self.replaced):
                self._remove_replaced(self.replaced)

    def _remove_replaced(self, folder: str) -> None:
        """Remove an output unless there are other files in it."""
        if self._foreign(folder) is None:
            self.store.write(f"{folder}/{_BEING_REMOVED}", "")
            self._remove(folder)

    def _remove(self, folder: str) -> None:
        """Remove a folder; what marks it as written by this command is removed last."""
        names = self.store.children(folder)
        for name in sorted(names, key=lambda name: (name == _BEING_REMOVED, _LIST in name)):
            self.store.remove(f"{folder}/{name}")
        self.store.remove_if_empty(folder)

    def _remove_partial(self, folder: str, run: str) -> None:
        """Remove the unpublished results of a run; prints a note if there are other files."""
        if not self.store.exists(folder):
            return
        files = self.store.files(folder)
        foreign = next((file for file in files if not _is_written_by(file, run)), None)
        if foreign is None:
            self._remove(folder)
        else:
            print(
                f"{folder}: kept, because churn score did not write {foreign} in it; move that "
                "file, and remove the folder",
                file=sys.stderr,
            )

    # --- recovery ---------------------------------------------------------------------------------

    def _recover(self) -> None:
        """Finish or undo what runs that were killed have begun.

        Without a lock, another run may be alive; then nothing is removed.
        """
        for folder, run in self._siblings("replaced"):
            if not self._runs(folder):
                continue
            being_removed = self.store.exists(f"{folder}/{_BEING_REMOVED}")
            if being_removed or self.store.exists(f"{self.base}/{_list(run)}"):
                if self._is_dead(folder):
                    self._remove_replaced(folder)
            elif not self.store.exists(self.base):
                self.store.move(folder, self.base)
        for folder, run in self._siblings("partial"):
            if run not in (*self._runs(folder), *self._runs(self.base)):
                if self._lock is not None:
                    self.store.remove_if_empty(folder)
            elif self._is_dead(folder):
                self._finish_append(folder, run)
                self._remove_partial(folder, run)
        if self._lock is not None:
            for run in self._runs(self.base):
                self._undo_append(run)

    def _is_dead(self, folder: str) -> bool:
        """Whether the run that left a folder has ended; prints a note if that is unknown."""
        if self._lock is None:
            print(f"{folder}: from another run; remove it if that has ended", file=sys.stderr)
        return self._lock is not None

    def _finish_append(self, folder: str, run: str) -> None:
        """Move the summary of a run whose scored rows are in the output."""
        summary = _summary(run)
        if self._is_appended(run) and self.store.exists(f"{folder}/{summary}"):
            self.store.move(f"{folder}/{summary}", f"{self.base}/{summary}")

    def _undo_append(self, run: str) -> None:
        """Remove from the output what belongs to a run without scored rows."""
        complete = self.store.exists(f"{self.base}/{_summary(run)}")
        if complete or self._is_appended(run) or run not in self._runs(self.base):
            return
        listed = self._listed(self.base, run)
        if _list(run) not in listed:
            return
        rejected = f"{REJECTED}/run={run}"
        if self.store.exists(f"{self.base}/{rejected}"):
            names = (f"{rejected}/{file}" for file in self.store.files(f"{self.base}/{rejected}"))
            if any(name not in listed and _checked_by(name) not in listed for name in names):
                return
            self.store.remove(f"{self.base}/{rejected}")
        self.store.remove(f"{self.base}/{_list(run)}")

    def _is_appended(self, run: str) -> bool:
        return self.store.exists(f"{self.base}/{SCORED}/run={run}")

    def _siblings(self, kind: str) -> list[tuple[str, str]]:
        """Folders next to the output that other runs left, and the ids of these runs."""
        start = f"{self.base.rpartition('/')[2]}.{kind}-"
        names = [name for name in self.store.children(self._parent) if name.startswith(start)]
        return [(f"{self._parent.rstrip('/')}/{name}", name[len(start) :]) for name in names]

    @property
    def _parent(self) -> str:
        return self.base.rpartition("/")[0] or "/"


def _list(run: str) -> str:
    """The file that lists the files of a run."""
    return f"{_LIST}{run}{_END}"


def _summary(run: str) -> str:
    return f"_summary-{run}.json"


def _is_written_by(name: str, run: str) -> bool:
    """Whether a file of a folder of unpublished results belongs to its run."""
    if _checked_by(name) in (_list(run), _summary(run)):
        return True
    start = next((f"{kind}/run={run}/" for kind in (SCORED, REJECTED) if name.startswith(kind)), "")
    return bool(start and name.startswith(start) and _WRITTEN.fullmatch(name[len(start) :]))


def _checked_by(name: str) -> str:
    """The file whose checksum Hadoop stores under this name: ``.part-0.crc`` for ``part-0``."""
    folder, slash, own = name.rpartition("/")
    return folder + slash + own.removeprefix(".").removesuffix(".crc")
