"""The file systems that Spark's Hadoop client reaches: HDFS, S3, ABFS, ..."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from batch.output_lock import OutputLock
from churn_model.errors import BatchError


class HadoopStore:
    """The Hadoop client as a ``batch.stores.Store``, for other file systems than this machine's."""

    def __init__(self, spark: SparkSession) -> None:
        context: Any = spark.sparkContext
        self._jvm = context._jvm
        self._conf = context._jsc.hadoopConfiguration()

    def _path(self, name: str) -> tuple[Any, Any]:
        path = self._jvm.org.apache.hadoop.fs.Path(name)
        return path.getFileSystem(self._conf), path

    def absolute(self, name: str) -> str:
        """The qualified URI; for this machine's file system the path without symbolic links."""
        system, path = self._path(name)
        uri = system.makeQualified(path).toUri()
        if uri.getScheme() == "file":
            return str(os.path.realpath(uri.getPath()))
        return str(system.makeQualified(path).toString()).rstrip("/")

    def scheme_of_paths(self) -> str:
        """What has to precede a path of this machine's file system."""
        default = self._jvm.org.apache.hadoop.fs.FileSystem.getDefaultUri(self._conf)
        return "" if default.getScheme() == "file" else "file://"

    def matches(self, pattern: str) -> list[str]:
        """The absolute names that a path with wildcards stands for."""
        system, path = self._path(pattern)
        found = system.globStatus(path) or []
        return [self.absolute(status.getPath().toString()) for status in found]

    def lock(self, output: str) -> OutputLock | None:
        """None: these file systems have no locks."""
        return None

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of this name."""
        system, path = self._path(name)
        return bool(system.exists(path))

    def is_folder(self, name: str) -> bool:
        """Whether there is a folder of this name."""
        system, path = self._path(name)
        return bool(system.exists(path) and system.getFileStatus(path).isDirectory())

    def children(self, name: str) -> list[str]:
        """The names in a folder."""
        if not self.is_folder(name):
            return []
        system, path = self._path(name)
        return sorted(status.getPath().getName() for status in system.listStatus(path))

    def files(self, name: str) -> Iterator[str]:
        """All files below a folder, relative to it."""
        system, path = self._path(name)
        root = system.makeQualified(path).toString().rstrip("/") + "/"
        listing = system.listFiles(path, True)
        while listing.hasNext():
            yield listing.next().getPath().toString().removeprefix(root)

    def make_folder(self, name: str) -> None:
        """Create a folder with its parents. Raises OSError."""
        system, path = self._path(name)
        try:
            created = system.mkdirs(path)
        except Py4JJavaError as error:
            raise OSError(error.java_exception.getMessage()) from None
        if not created:
            raise OSError("the folder cannot be created")

    def move(self, source: str, target: str) -> None:
        """Rename a file or folder, in one step if the file system can. Raises BatchError."""
        system, path = self._path(source)
        _, to = self._path(target)
        system.mkdirs(to.getParent())
        # to an existing folder, HDFS would move the source into it
        if system.exists(to) or not system.rename(path, to):
            raise BatchError(f"{target}: could not be renamed from {source}; check its permissions")

    def remove(self, name: str) -> None:
        """Delete a file, or a folder with its contents."""
        system, path = self._path(name)
        system.delete(path, True)

    def remove_if_empty(self, name: str) -> bool:
        """Delete a folder unless something is in it."""
        if not self.is_folder(name) or self.children(name):
            return False
        system, path = self._path(name)
        return bool(system.delete(path, False))

    def read(self, name: str) -> str:
        """The text of a file."""
        system, path = self._path(name)
        stream = system.open(path)
        try:
            return bytes(stream.readAllBytes()).decode()
        finally:
            stream.close()

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        system, path = self._path(name)
        out = system.create(path, True)
        out.write(bytearray(text.encode()))
        out.close()
