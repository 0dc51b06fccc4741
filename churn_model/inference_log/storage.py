"""The folder of a log: on this machine, or on any file system that pyarrow can write to.

A file is written under a temporary name beside its final one (``stage``) and then renamed
(``publish``), so that no half-written file ever has a final name. A file of that name is replaced
in one step: readers find either.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from churn_model.errors import InferenceLogError, first_line
from churn_model.redaction import passwords_in, redact, redact_uri

_REPLACING = ("local", "s3", "gcs", "abfs")
"""File systems of pyarrow whose ``move`` replaces a file in one step. HDFS, for one, refuses it."""


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class Storage(Protocol):
    """The operations on a folder. All paths are relative to it; all raise OSError."""

    is_replacing: bool
    """Whether ``publish`` may replace a file."""

    def stage(self, folder: str, name: str, content: bytes) -> None:
        """Write a file under its temporary name; the folder is made if there is none."""

    def publish(self, folder: str, name: str) -> None:
        """Give a staged file its final name."""

    def discard(self, folder: str, name: str) -> None:
        """Remove a staged file, if it exists."""

    def list(self, folder: str) -> Iterator[tuple[str, bool]]:
        """The names in a folder, and whether each is a folder; nothing if it does not exist."""

    def read_metadata(self, folder: str, name: str) -> dict[bytes, bytes] | None:
        """A Parquet file's key-value metadata; None if it has none or cannot be read as Parquet."""

    def remove(self, folder: str, name: str) -> None:
        """Remove a file."""

    def remove_folder(self, folder: str) -> None:
        """Remove a folder if it is empty."""


def temporary(name: str) -> str:
    """The name of a file while it is written."""
    return f"_{name}"


class LocalStorage:
    """A folder on this machine."""

    is_replacing = True

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root).absolute()

    def stage(self, folder: str, name: str, content: bytes) -> None:
        """As ``Storage.stage``; the content is on the disk when it returns."""
        target = self._root / folder
        target.mkdir(parents=True, exist_ok=True)
        with open(target / temporary(name), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())

    def publish(self, folder: str, name: str) -> None:
        """As ``Storage.publish``."""
        target = self._root / folder
        (target / temporary(name)).replace(target / name)

    def discard(self, folder: str, name: str) -> None:
        """As ``Storage.discard``."""
        (self._root / folder / temporary(name)).unlink(missing_ok=True)

    def list(self, folder: str) -> Iterator[tuple[str, bool]]:
        """As ``Storage.list``."""
        with suppress(FileNotFoundError), os.scandir(self._root / folder) as entries:
            yield from [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]

    def read_metadata(self, folder: str, name: str) -> dict[bytes, bytes] | None:
        """As ``Storage.read_metadata``."""
        return _metadata(str(self._root / folder / name))

    def remove(self, folder: str, name: str) -> None:
        """As ``Storage.remove``."""
        (self._root / folder / name).unlink(missing_ok=True)

    def remove_folder(self, folder: str) -> None:
        """As ``Storage.remove_folder``."""
        with suppress(OSError):
            (self._root / folder).rmdir()


class RemoteStorage:
    """A folder on a file system of pyarrow."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")
        self.is_replacing = filesystem.type_name in _REPLACING

    def _path(self, *parts: str) -> str:
        return "/".join((self._root, *(part for part in parts if part)))

    def stage(self, folder: str, name: str, content: bytes) -> None:
        """As ``Storage.stage``."""
        self._filesystem.create_dir(self._path(folder), recursive=True)
        with self._filesystem.open_output_stream(self._path(folder, temporary(name))) as stream:
            stream.write(content)

    def publish(self, folder: str, name: str) -> None:
        """As ``Storage.publish``."""
        self._filesystem.move(self._path(folder, temporary(name)), self._path(folder, name))

    def discard(self, folder: str, name: str) -> None:
        """As ``Storage.discard``."""
        with suppress(FileNotFoundError):
            self._filesystem.delete_file(self._path(folder, temporary(name)))

    def list(self, folder: str) -> Iterator[tuple[str, bool]]:
        """As ``Storage.list``."""
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self._path(folder), allow_not_found=True)
        for found in self._filesystem.get_file_info(selector):
            yield found.base_name, found.type == FileType.Directory

    def read_metadata(self, folder: str, name: str) -> dict[bytes, bytes] | None:
        """As ``Storage.read_metadata``."""
        return _metadata(self._path(folder, name), self._filesystem)

    def remove(self, folder: str, name: str) -> None:
        """As ``Storage.remove``."""
        self._filesystem.delete_file(self._path(folder, name))

    def remove_folder(self, folder: str) -> None:
        """As ``Storage.remove_folder``."""
        if not any(self.list(folder)):
            self._filesystem.delete_dir(self._path(folder))


def _metadata(path: str, filesystem: Any = None) -> dict[bytes, bytes] | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found: dict[bytes, bytes] | None = pq.read_metadata(path, filesystem=filesystem).metadata
    except (pa.ArrowInvalid, OSError):
        return None
    return found


def open_storage(folder: str) -> Storage:
    """The folder by its local path or URI. Raises InferenceLogError for an unknown file system."""
    if "://" not in folder:
        if _SCHEME.match(folder) or folder.startswith("~"):
            raise InferenceLogError(
                f"{redact_uri(folder)}: is neither a path nor a URI; give a local path, or a URI "
                "with :// such as s3://bucket/folder"
            )
        return LocalStorage(folder)
    parts = urlsplit(folder)
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost") or not parts.path:
            raise InferenceLogError(
                f"{redact_uri(folder)}: a local folder has three slashes, file:///folder"
            )
        return LocalStorage(unquote(parts.path))
    import pyarrow as pa
    from pyarrow.fs import FileSystem

    try:
        return RemoteStorage(*FileSystem.from_uri(folder))
    except (pa.ArrowException, OSError, ValueError, ImportError) as error:
        raise InferenceLogError(
            f"{redact_uri(folder)}: is not a folder that the inference log can be written to "
            f"({describe_failure(error, folder)}); give a local path or a URI such as "
            "s3://bucket/folder"
        ) from None


def check_writable(storage: Storage, folder: str, worker: str) -> None:
    """Raise InferenceLogError unless a file can be written and removed."""
    name = f"probe-{worker}"
    try:
        storage.stage("", name, b"churn")
        storage.discard("", name)
    except Exception as error:
        raise InferenceLogError(
            f"{redact_uri(folder)}: the inference log cannot be written "
            f"({describe_failure(error, folder)}); choose a folder that can be written, or make "
            "this one writable"
        ) from None


def describe_failure(error: BaseException, folder: str) -> str:
    """Why the storage failed, in one line without credentials."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
    return redact(reason, [folder, *passwords_in(folder)])
