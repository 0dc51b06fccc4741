"""The operations of a file system that an output needs, and the file system of this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from batch.output_lock import OutputLock
from churn_model.errors import BatchError
from churn_model.tables.reading.file_names import is_utf8_name


class Store(Protocol):
    """A file system; names are paths or URIs. All methods may raise OSError or BatchError."""

    def absolute(self, name: str) -> str:
        """The one name of a file or folder: absolute, without symbolic links or a last slash."""

    def lock(self, output: str) -> OutputLock | None:
        """Lock an output for this process; None if the file system has no such locks.

        Raises BatchError if another run has locked it.
        """

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of this name."""

    def is_folder(self, name: str) -> bool:
        """Whether there is a folder of this name."""

    def children(self, name: str) -> list[str]:
        """The names in a folder, without the folder's; empty if there is no such folder."""

    def files(self, name: str) -> Iterator[str]:
        """All files below a folder, relative to it; a symbolic link is a file."""

    def make_folder(self, name: str) -> None:
        """Create a folder with its parents."""

    def move(self, source: str, target: str) -> None:
        """Rename a file or folder in one step; there is nothing at the target yet."""

    def remove(self, name: str) -> None:
        """Delete a file, or a folder with its contents."""

    def remove_if_empty(self, name: str) -> bool:
        """Delete a folder unless something is in it; returns whether it was deleted."""

    def read(self, name: str) -> str:
        """The text of a file."""

    def write(self, name: str, text: str) -> None:
        """Write a file."""


class LocalStore:
    """The file system of this machine. All methods raise OSError."""

    def absolute(self, name: str) -> str:
        """The path without symbolic links; a URI of a file is a path. Raises BatchError."""
        path = name.removeprefix("file://") if name.startswith("file:///") else name
        if "://" in path:
            raise BatchError(f"{name}: --engine local writes only to files of this machine")
        path = os.path.realpath(path)
        if not is_utf8_name(path):
            raise BatchError(f"{path!a}: the name is not valid UTF-8; choose another --output")
        return path

    def lock(self, output: str) -> OutputLock:
        """Lock an output for this process. Raises BatchError if another run has locked it."""
        return OutputLock.acquire(output)

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of this name."""
        return Path(name).exists()

    def is_folder(self, name: str) -> bool:
        """Whether there is a folder of this name."""
        return Path(name).is_dir()

    def children(self, name: str) -> list[str]:
        """The names in a folder."""
        return sorted(path.name for path in Path(name).iterdir()) if Path(name).is_dir() else []

    def files(self, name: str) -> Iterator[str]:
        """All files below a folder, relative to it."""
        for folder, subfolders, files in os.walk(name, onerror=_fail):
            links = (sub for sub in subfolders if os.path.islink(os.path.join(folder, sub)))
            for file in (*files, *links):
                yield os.path.relpath(os.path.join(folder, file), name)

    def make_folder(self, name: str) -> None:
        """Create a folder with its parents."""
        Path(name).mkdir(parents=True, exist_ok=True)

    def move(self, source: str, target: str) -> None:
        """Rename a file or folder in one step."""
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(source).rename(target)

    def remove(self, name: str) -> None:
        """Delete a file, or a folder with its contents."""
        if Path(name).is_dir() and not Path(name).is_symlink():
            shutil.rmtree(name)
        else:
            Path(name).unlink()

    def remove_if_empty(self, name: str) -> bool:
        """Delete a folder unless something is in it."""
        if not Path(name).is_dir() or any(Path(name).iterdir()):
            return False
        Path(name).rmdir()
        return True

    def read(self, name: str) -> str:
        """The text of a file."""
        return Path(name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


def _fail(error: OSError) -> None:
    raise error
