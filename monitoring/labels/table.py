"""Reads the table of labels: one final label per customer and observation date."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.arrays import Mask, Rows
from churn_model.errors import TableError
from churn_model.tables.column_names import require_column
from churn_model.tables.csv_format import detect_csv_format
from churn_model.tables.files import read_file
from churn_model.tables.observations import (
    AmbiguousDatesError,
    Days,
    ObservationOptions,
    read_observations,
)
from churn_model.tables.target import UNLABELLED, label, read_labels, read_target
from monitoring.labels.options import LabelOptions
from monitoring.plural import plural


@dataclass(frozen=True)
class Labels:
    """n final labels, one for each customer and observation date.

    ``customers`` (m,): the distinct identifiers as texts. ``customer`` (n,): the number of each
    label's customer. ``days`` (n,): observation dates. ``churned`` (n,): 1 or 0. ``treated`` (n,).
    ``rows`` (n,): the labels' rows in ``raw``, the table as it was read. ``observation``: the
    options with the day that was taken for ``known_until``. ``notes``: what was left out.
    """

    customers: npt.NDArray[np.object_]
    customer: Rows
    days: Days
    churned: npt.NDArray[np.int64]
    treated: Mask
    rows: Rows
    raw: pd.DataFrame
    observation: ObservationOptions
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)


def read_label_table(options: LabelOptions) -> Labels:
    """Read a CSV or Parquet file of labels.

    Equal labels of a customer on a day count once; contradicting ones are left out. Raises
    TableError for a table that cannot be read, or without final labels.
    """
    path = options.table
    raw = read_file(path, detect_csv_format(path))
    _check_columns(raw, options)
    churned = read_labels(raw, read_target(raw, options.target))
    try:
        observed = read_observations(raw, options.observation)
    except AmbiguousDatesError:
        raise TableError(
            f"{path}: --as-of {options.observation.column}: the dates can be read in several ways; "
            "write them as 2026-01-31"
        ) from None
    days = observed.days if observed.days is not None else np.full(len(raw), np.datetime64("NaT"))
    texts = identifier_texts(raw[options.id])
    treated, notes = _treated(raw, options)
    has_label = churned >= 0
    invalid = has_label & (np.isnat(days) | pd.isna(texts))
    not_final = has_label & ~invalid & ~observed.mature
    used = np.flatnonzero(has_label & ~invalid & ~not_final)
    counts = {
        "without a label": int((churned == UNLABELLED).sum()),
        "without an identifier or a valid date": int(invalid.sum()),
        f"whose window has not ended on {observed.known_until}": int(not_final.sum()),
    }
    notes += [f"labels: left out {plural(n, 'row')} {what}" for what, n in counts.items() if n]
    if not len(used):
        raise TableError(f"{path}: no row has a final label; {'; '.join(notes)}")
    labels = Labels(
        *_distinct(texts[used]),
        days[used].astype("datetime64[D]"),
        churned[used],
        treated[used],
        used,
        raw,
        observed.resolved(options.observation),
        tuple(notes),
    )
    return _without_duplicates(labels, path)


def _check_columns(raw: pd.DataFrame, options: LabelOptions) -> None:
    """Raise TableError for a table without rows, or without a column that the options name."""
    for name, flag in (
        (options.id, "--id"),
        (options.observation.column, "--as-of"),
        (options.treatment_column, "--treatment"),
    ):
        if name:
            require_column(name, raw.columns, flag, options.table)
    if raw.empty:
        raise TableError(f"{options.table}: has a header and no rows")


def identifier_texts(cells: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Identifiers (n,) as they are sent to be scored, None if missing: 17 and 17.0 are "17"."""
    if pd.api.types.is_float_dtype(cells.dtype):
        cells = cells.convert_dtypes()
    texts = np.array([None if pd.isna(cell) else str(cell) for cell in cells], dtype=object)
    texts[texts == ""] = None
    return texts


def _treated(raw: pd.DataFrame, options: LabelOptions) -> tuple[Mask, list[str]]:
    """Which rows (n,) were treated, and a note if none was."""
    if not options.treatment_column:
        return np.zeros(len(raw), dtype=bool), []
    values = raw[options.treatment_column].map(label)
    wanted = options.treatment_value
    alike = {wanted, f"{wanted}.0", "True" if wanted == "1" else wanted}
    treated = values.isin(alike).to_numpy(bool)
    if treated.any():
        return treated, []
    seen = ", ".join(map(repr, values.drop_duplicates().head(5)))
    column = options.treatment_column
    note = f"labels: no customer has {options.treatment}; column {column!r} has {seen}"
    return treated, [note]


def _distinct(texts: npt.NDArray[np.object_]) -> tuple[npt.NDArray[np.object_], Rows]:
    codes, customers = pd.factorize(texts)
    return np.asarray(customers, dtype=object), codes.astype(np.intp)


def _without_duplicates(labels: Labels, path: Path) -> Labels:
    """The labels without second ones of the same customer and day, and without contradictions.

    A customer with several labels on a day was treated if any of them says so. Raises TableError
    if no label is left.
    """
    keys = pd.DataFrame({"customer": labels.customer, "day": labels.days})
    group = keys.groupby(["customer", "day"], sort=False).ngroup().to_numpy()
    n = int(group.max()) + 1
    size, sums = np.bincount(group, minlength=n), np.bincount(group, labels.churned, n)
    treated = np.bincount(group, labels.treated, n) > 0
    contradicting = (sums > 0) & (sums < size)
    if contradicting.all():
        raise TableError(
            f"{path}: all customers have contradicting labels for the same day; keep one label per "
            "customer and day"
        )
    _, first = np.unique(group, return_index=True)
    kept = np.sort(first[~contradicting])
    notes = list(labels.notes)
    if contradicting.any():
        day = labels.days[first[contradicting][0]]
        row = labels.rows[first[contradicting][0]]
        notes.append(
            f"labels: left out {plural(int(contradicting.sum()), 'customer')} with contradicting "
            f"labels for the same day, for example in row {row} ({day})"
        )
    repeated = int((size[~contradicting] - 1).sum())
    if repeated:
        notes.append(f"labels: {plural(repeated, 'row')} with a repeated label of the same day")
    return Labels(
        labels.customers,
        labels.customer[kept],
        labels.days[kept],
        labels.churned[kept],
        treated[group[kept]],
        labels.rows[kept],
        labels.raw,
        labels.observation,
        tuple(notes),
    )
