"""Results in catalog tables.

::

    OUT_scored, OUT_rejected             the results; the property churn_score.run is the run's id
    OUT_scored_partial_<id>, ...         results of a run that has not finished
    OUT_scored_replaced_<id>, ...        the old results while a run replaces them

Both tables of a run get their property when the run is complete. A run that is killed after that is
finished by the next one; otherwise the next one drops what it left. A table without the property
was made by somebody else, and is never dropped.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import SparkSession

from batch.options import Mode
from batch.output import REJECTED, SCORED, not_writable, output_exists
from batch.output_lock import OutputLock
from batch.spark_errors import one_line_errors
from batch.spark_store import HadoopStore
from churn_model.errors import BatchError

_PROPERTY = "churn_score.run"
_KINDS = (REJECTED, SCORED)
_LEFT = re.compile(r"_(?:scored|rejected)_(?:partial|replaced)_(\w+)")


@dataclass
class OutputTables:
    """The tables ``<base>_scored`` and ``<base>_rejected``, written under other names first."""

    spark: SparkSession
    base: str
    mode: Mode
    run: str
    _lock: OutputLock | None = field(default=None, init=False, repr=False)
    _made: str = field(default="", init=False, repr=False)

    def folder(self, kind: str) -> str:
        """The table's name until it is published."""
        return self._partial(kind, self._id)

    @property
    def _id(self) -> str:
        return self.run.replace("-", "_").lower()

    def _name(self, kind: str) -> str:
        return f"{self.base}_{kind}"

    def _partial(self, kind: str, run: str) -> str:
        return f"{self.base}_{kind}_partial_{run}"

    def _replaced(self, kind: str, run: str) -> str:
        return f"{self.base}_{kind}_replaced_{run}"

    # --- the lock ---------------------------------------------------------------------------------

    def reserve(self) -> None:
        """Lock the tables for this run, if the warehouse is a folder of this machine.

        Raises BatchError if another run is writing to them, or if they cannot be written.
        """
        store = HadoopStore(self.spark)
        name = self.spark.conf.get("spark.sql.warehouse.dir") or "spark-warehouse"
        warehouse = store.absolute(name)
        if "://" in warehouse:
            return
        try:
            if not os.path.exists(warehouse):
                os.makedirs(warehouse)
                self._made = warehouse
            self._lock = OutputLock.acquire(f"{warehouse}/{self._qualified()}")
        except OSError as error:
            raise not_writable(self.base, error) from None

    def _qualified(self) -> str:
        catalog = self.spark.catalog
        current = [catalog.currentCatalog(), catalog.currentDatabase()]
        parts = self.base.lower().split(".")
        return ".".join([*current[: max(0, 3 - len(parts))], *parts])

    def release(self) -> None:
        """End the lock, and remove the warehouse if it was created and remained empty."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        if self._made:
            with suppress(OSError):
                os.rmdir(self._made)

    # --- what may be changed ----------------------------------------------------------------------

    def check_separate(self, source: str) -> None:
        """Raise BatchError if a table of the output is the input."""
        for kind in _KINDS:
            name = self._name(kind)
            if self._exists(name) and self._key(name) == self._key(source):
                raise BatchError(f"{name}: is the input; choose another --output")

    def _key(self, name: str) -> tuple[str, ...]:
        table = self.spark.catalog.getTable(name)
        return (table.catalog or "", *(table.namespace or []), table.name)

    def prepare(self) -> None:
        """Check that the tables may be written, and finish or drop what earlier runs left.

        Raises BatchError if a table exists already and must not be changed.
        """
        with one_line_errors(self.base, self.base):
            for run in self._left_runs():
                self._recover(run)
            self._check_mode()

    def _check_mode(self) -> None:
        for kind in _KINDS:
            name = self._name(kind)
            if self.mode == "append" or not self._exists(name):
                continue
            if self.mode == "error":
                raise output_exists(name)
            self._check_own(name)

    def _check_own(self, name: str) -> None:
        if self._run_of(name) is None:
            raise BatchError(
                f"{name}: churn score did not write this table, and does not replace it; choose "
                "another --output"
            )

    # --- publishing -------------------------------------------------------------------------------

    def publish(self, summary: dict[str, Any]) -> None:
        """Rename the tables, or append their rows."""
        self._check_mode()
        exists = {kind: self._exists(self._name(kind)) for kind in _KINDS}
        if self.mode == "append" and any(exists.values()):
            for kind in _KINDS:
                self._append(kind, exists[kind])
            self.discard()
            return
        for kind in _KINDS:
            self._mark(self.folder(kind))
        self._finish(self._id)

    def _append(self, kind: str, exists: bool) -> None:
        if exists:
            rows = self.spark.table(self.folder(kind))
            rows.write.mode("append").saveAsTable(self._name(kind))
        else:
            self._mark(self.folder(kind))
            self._sql(f"ALTER TABLE {self.folder(kind)} RENAME TO {self._name(kind)}")

    def _mark(self, name: str) -> None:
        self._sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('{_PROPERTY}' = '{self._id}')")

    def _finish(self, run: str) -> None:
        """Put the tables of a complete run in their places; each step can be repeated."""
        for kind in _KINDS:
            name, partial = self._name(kind), self._partial(kind, run)
            if not self._exists(partial):
                continue
            if self._exists(name):
                self._check_own(name)
                self._sql(f"ALTER TABLE {name} RENAME TO {self._replaced(kind, run)}")
            self._sql(f"ALTER TABLE {partial} RENAME TO {name}")
        for kind in _KINDS:
            self._drop(self._replaced(kind, run))

    def discard(self) -> None:
        """Drop the unpublished tables of this run, unless the next run will publish them."""
        if not self._is_complete(self._id):
            for kind in _KINDS:
                self._drop(self.folder(kind))

    # --- recovery ---------------------------------------------------------------------------------

    def _recover(self, run: str) -> None:
        """Finish a run that was complete, and drop the tables of any other.

        Without a lock, that run may be alive; then nothing is changed unless a table is missing.
        """
        missing = not all(self._exists(self._name(kind)) for kind in _KINDS)
        if self._lock is None and not missing:
            left = f"{self.base}_*_{run}"
            print(f"{left}: from another run; drop them if that has ended", file=sys.stderr)
        elif self._is_complete(run):
            self._finish(run)
        else:
            for kind in _KINDS:
                name, replaced = self._name(kind), self._replaced(kind, run)
                if self._exists(replaced) and not self._exists(name):
                    self._sql(f"ALTER TABLE {replaced} RENAME TO {name}")
                if self._lock is not None:
                    self._drop(self._partial(kind, run))

    def _is_complete(self, run: str) -> bool:
        """Whether both tables of a run have its property, wherever they are."""
        return all(
            any(self._run_of(name) == run for name in (self._partial(kind, run), self._name(kind)))
            for kind in _KINDS
        )

    def _left_runs(self) -> list[str]:
        namespace, dot, own = self.base.rpartition(".")
        where = f" IN {namespace}" if dot else ""
        tables = self._sql(f"SHOW TABLES{where}").collect()
        own = own.strip("`").lower()
        names = (row["tableName"].lower() for row in tables if not row["isTemporary"])
        found = (_LEFT.fullmatch(name[len(own) :]) for name in names if name.startswith(own))
        return sorted({match[1] for match in found if match})

    # --- statements -------------------------------------------------------------------------------

    def _sql(self, statement: str) -> Any:
        return self.spark.sql(statement)

    def _drop(self, name: str) -> None:
        if self._exists(name):
            self._sql(f"DROP TABLE {name}")

    def _exists(self, name: str) -> bool:
        return self.spark.catalog.tableExists(name)

    def _run_of(self, name: str) -> str | None:
        """The run that wrote a table; None for a table of somebody else, or none."""
        if not self._exists(name):
            return None
        rows = self.spark.sql(f"SHOW TBLPROPERTIES {name}").collect()
        return {row["key"]: row["value"] for row in rows}.get(_PROPERTY)
