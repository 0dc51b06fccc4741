"""Finds the customers of a fresh table that a version was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from churn_model.arrays import Mask
from churn_model.schema import RecordSchema
from training.data.fingerprints import Fingerprints
from training.data.table import Table

FEWEST = 30
"""Fewest fresh customers who churned, and fewest who stayed, to judge a version by."""
_LATER = ", or, if these are later observations, name their dates with --as-of"


@dataclass(frozen=True)
class Overlap:
    """``known`` (n,): the rows of the fresh table that a version was trained on.

    ``by_version``: the number of these rows for each version. ``unknown``: the versions whose
    training rows are not recorded.
    """

    known: Mask
    by_version: dict[str, int]
    unknown: list[str]

    def reason(self, table: Table) -> str:
        """Why the rest of the table does not suffice; empty if it does."""
        if not self.known.any():
            return ""
        fresh = table.take(np.flatnonzero(~self.known))
        churned, stayed = fresh.customers_by_class()
        if min(churned, stayed) >= FEWEST:
            return ""
        versions = " and ".join(
            f"version {version} was trained on {rows:,}"
            for version, rows in self.by_version.items()
            if rows
        )
        return (
            f"of the table's {len(table.churned):,} rows, {versions}. The remaining "
            f"{len(fresh.churned):,} ({churned:,} customers churned, {stayed:,} stayed) are too "
            f"few: at least {FEWEST} of each are needed. Use other customers"
            + ("" if table.observed is not None else _LATER)
        )


def find_overlap(
    recorded: Mapping[str, Fingerprints | None], table: Table, schema: RecordSchema
) -> Overlap:
    """Search the table, whose records have this schema, for the versions' training customers.

    ``recorded``: the hashes of each version's training rows, by its number; None without any.
    """
    known = np.zeros(len(table.churned), dtype=bool)
    by_version: dict[str, int] = {}
    unknown: list[str] = []
    for version, hashes in recorded.items():
        if hashes is None:
            unknown.append(version)
            continue
        contained = hashes.contain(table, schema)
        by_version[version] = int(contained.sum())
        known |= contained
    return Overlap(known, by_version, unknown)
