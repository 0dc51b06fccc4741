"""The cluster's file system, through Spark's own Hadoop client (HDFS, S3, ABFS, local, ...)."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from churn_model.errors import BatchError


class HadoopStore:
    """See ``batch.output.Store``."""

    def __init__(self, spark: SparkSession) -> None:
        context: Any = spark.sparkContext
        self._jvm = context._jvm
        self._conf = context._jsc.hadoopConfiguration()

    def _path(self, name: str) -> tuple[Any, Any]:
        path = self._jvm.org.apache.hadoop.fs.Path(name)
        return path.getFileSystem(self._conf), path

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        system, path = self._path(name)
        return bool(system.exists(path))

    def children(self, name: str) -> list[str]:
        """The names in a folder."""
        system, path = self._path(name)
        if not system.exists(path):
            return []
        return sorted(status.getPath().getName() for status in system.listStatus(path))

    def move(self, source: str, target: str) -> None:
        """Give a file or folder another name, in one step where the file system has one."""
        system, path = self._path(source)
        _, to = self._path(target)
        system.mkdirs(to.getParent())
        if not system.rename(path, to):
            raise BatchError(f"{target}: could not be put in its place; the results are {source}")

    def remove(self, name: str) -> None:
        """Delete a folder with all in it."""
        system, path = self._path(name)
        system.delete(path, True)

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        system, path = self._path(name)
        out = system.create(path, True)
        out.write(bytearray(text.encode()))
        out.close()
