"""The file system that Spark's Hadoop client reaches: HDFS, S3, ABFS, local, ..."""

from __future__ import annotations

from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from churn_model.errors import BatchError


class HadoopStore:
    """The Hadoop client as a ``batch.output.Store``."""

    def __init__(self, spark: SparkSession) -> None:
        context: Any = spark.sparkContext
        self._jvm = context._jvm
        self._conf = context._jsc.hadoopConfiguration()

    def _path(self, name: str) -> tuple[Any, Any]:
        path = self._jvm.org.apache.hadoop.fs.Path(name)
        return path.getFileSystem(self._conf), path

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of this name."""
        system, path = self._path(name)
        return bool(system.exists(path))

    def children(self, name: str) -> list[str]:
        """The names in a folder."""
        system, path = self._path(name)
        if not system.exists(path):
            return []
        return sorted(status.getPath().getName() for status in system.listStatus(path))

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
        if not system.rename(path, to):
            raise BatchError(f"{target}: could not be renamed from {source}; check its permissions")

    def remove(self, name: str) -> None:
        """Delete a file, or a folder with its contents."""
        system, path = self._path(name)
        system.delete(path, True)

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        system, path = self._path(name)
        out = system.create(path, True)
        out.write(bytearray(text.encode()))
        out.close()
