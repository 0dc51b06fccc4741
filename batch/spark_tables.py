"""Results in catalog tables."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import SparkSession

from batch.options import Mode
from batch.output import REJECTED, SCORED, not_writable, output_exists
from batch.output_lock import OutputLock
from batch.spark_store import HadoopStore
from churn_model.errors import BatchError


@dataclass
class OutputTables:
    """The tables ``<base>_scored`` and ``<base>_rejected``, written under other names first."""

    spark: SparkSession
    base: str
    mode: Mode
    _lock: OutputLock | None = field(default=None, init=False, repr=False)
    _made: str = field(default="", init=False, repr=False)

    def folder(self, kind: str) -> str:
        """The table's name until it is published."""
        return f"{self.base}_{kind}_partial"

    def reserve(self) -> None:
        """Lock the tables for this run, if the warehouse is a folder of this machine.

        Raises BatchError if another run is writing to them, or if they cannot be written.
        """
        store = HadoopStore(self.spark)
        warehouse = store.absolute(
            self.spark.conf.get("spark.sql.warehouse.dir") or "spark-warehouse"
        )
        if "://" in warehouse:
            return
        try:
            if not os.path.exists(warehouse):
                os.makedirs(warehouse)
                self._made = warehouse
            self._lock = OutputLock.acquire(f"{warehouse}/{self._qualified(self.base)}")
        except OSError as error:
            raise not_writable(self.base, error) from None

    def _qualified(self, name: str) -> str:
        catalog = self.spark.catalog
        current = [catalog.currentCatalog(), catalog.currentDatabase()]
        parts = name.lower().split(".")
        return ".".join([*current[: max(0, 3 - len(parts))], *parts])

    def release(self) -> None:
        """End the lock, and remove the warehouse if it was created and remained empty."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        if self._made:
            with suppress(OSError):
                os.rmdir(self._made)

    def prepare(self) -> None:
        """Check that the tables may be written, and drop what earlier runs left.

        Raises BatchError if a table exists already and must not be changed.
        """
        for kind in (SCORED, REJECTED):
            if self.mode == "error" and self.spark.catalog.tableExists(f"{self.base}_{kind}"):
                raise output_exists(f"{self.base}_{kind}")
        self.discard()

    def check_separate(self, source: str) -> None:
        """Raise BatchError if a table of the output is the input."""
        for kind in (SCORED, REJECTED):
            name = f"{self.base}_{kind}"
            if self.spark.catalog.tableExists(name) and self._key(name) == self._key(source):
                raise BatchError(f"{name}: is the input; choose another --output")

    def _key(self, name: str) -> tuple[str, ...]:
        table = self.spark.catalog.getTable(name)
        return (table.catalog or "", *(table.namespace or []), table.name)

    def publish(self, summary: dict[str, Any]) -> None:
        """Rename the tables, or append their rows."""
        for kind in (REJECTED, SCORED):
            partial, name = self.folder(kind), f"{self.base}_{kind}"
            if self.mode == "append" and self.spark.catalog.tableExists(name):
                self.spark.table(partial).write.mode("append").saveAsTable(name)
                continue
            self.spark.sql(f"DROP TABLE IF EXISTS {name}")
            self.spark.sql(f"ALTER TABLE {partial} RENAME TO {name}")
        self.discard()

    def discard(self) -> None:
        """Drop the unpublished tables."""
        for kind in (SCORED, REJECTED):
            self.spark.sql(f"DROP TABLE IF EXISTS {self.folder(kind)}")
