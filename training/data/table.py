"""CSV or Parquet -> customers that hold, their labels, and the rows that were left out and why.

Nothing is inferred: each column is read as the schema declares it. A cell that cannot be read that
way is a reason to leave its row out, never a value of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.dates import iso_dates, to_day
from churn_model.errors import FieldError, TableError, TrainingError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.tables.texts import check_texts
from churn_model.validation import check_frame
from training.data.dataset import Dataset
from training.data.files import read_file
from training.data.simulator import LAST_DAY, simulate
from training.data.target import label

_EXAMPLES = 5

REJECTED_COLUMNS = ("row", "field", "column", "rule", "reason", "cell")


@dataclass(frozen=True)
class Table:
    """A table ready to train on.

    ``customers``: n rows with the schema's columns, dates as their age in days at ``as_of``.
    ``churned`` (n,): 1 or 0. ``rejected``: a line for each broken rule of each row left out (row
    from 0 in the file, field, column, rule, reason, the cell as it stands there). ``rows``,
    ``rejected_rows``, ``unlabelled_rows`` add up: ``rows == n + rejected_rows + unlabelled_rows``.
    ``weights`` (n,): what each customer counts, 1 unless the table says otherwise. ``dates`` (n,):
    by which ``split_by`` orders the customers.
    """

    name: str
    customers: pd.DataFrame
    churned: npt.NDArray[np.int64]
    rejected: pd.DataFrame
    rows: int
    rejected_rows: int
    unlabelled_rows: int
    weights: npt.NDArray[np.float64]
    source: str | None = None
    dates: pd.Series[pd.Timestamp] | None = None
    split_by: str = ""
    dataset: Dataset | None = None
    as_of: date | None = None

    def features(self, schema: RecordSchema) -> RecordSchema:
        """A record's schema as the columns of ``customers`` are: ages in place of dates."""
        return schema.with_ages(f"days before {self.as_of}") if schema.dates else schema

    def as_sent(self, rows: int, schema: RecordSchema) -> pd.DataFrame:
        """The first customers as they are sent to be scored: dates as texts."""
        first = self.customers.head(rows).copy()
        if self.as_of is not None:
            for column in schema.dates:
                first[column.name] = iso_dates(to_day(self.as_of) - first[column.name].to_numpy())
        return first

    @property
    def churn_rate(self) -> float:
        """Share of churned customers (0..1), as they are weighted."""
        return float(np.average(self.churned, weights=self.weights))

    def at_prior(self, rate: float) -> Table:
        """The table weighted so that its churn rate is ``rate`` (0..1), as before it was resampled.

        Each class is weighted by its true share over its share here (King, Zeng 2001, "Logistic
        regression in rare events data", Political Analysis 9). Raises TrainingError.
        """
        if not 0 < rate < 1:
            raise TrainingError(f"--prior is the true churn rate, between 0 and 1: {rate:g}")
        here = self.churn_rate
        factors = np.where(self.churned == 1, rate / here, (1 - rate) / (1 - here))
        return replace(self, weights=self.weights * factors)

    def summary(self) -> str:
        """How many rows there were, and what became of them."""
        return (
            f"{self.rows:,} rows, {len(self.churned):,} used ({self.churned.mean():.1%} churned), "
            f"{self.rejected_rows:,} rejected, {self.unlabelled_rows:,} without a label"
        )


def built_in_table(rows: int, seed: int, as_of: date | None = None) -> Table:
    """The simulated customers as a table; dates, if there are any, are aged to ``as_of``."""
    simulation = simulate(rows, seed)
    nothing = pd.DataFrame(columns=list(REJECTED_COLUMNS))
    equal = np.ones(rows)
    table = Table("built-in", simulation.customers, simulation.churned, nothing, rows, 0, 0, equal)
    if not CUSTOMER_SCHEMA.dates:
        return table
    day = as_of or date.fromisoformat(LAST_DAY)
    checked = check_frame(simulation.customers, CUSTOMER_SCHEMA)
    ages = {c.name: to_day(day) - checked.values[c.name] for c in CUSTOMER_SCHEMA.dates}
    return replace(table, customers=table.customers.assign(**ages), as_of=day)


def read_table(
    path: str | Path, dataset: Dataset, schema: RecordSchema, max_rejected: float, **how: Any
) -> Table:
    """Read a file and check it; ``how``: more of what ``check_table`` takes."""
    raw = read_file(path, dataset.csv)
    return check_table(raw, path, dataset, schema, max_rejected, **how)


def check_table(
    raw: pd.DataFrame,
    path: str | Path,
    dataset: Dataset,
    schema: RecordSchema,
    max_rejected: float,
    *,
    weight: str = "",
    split_by: str = "",
    as_of: date | None = None,
) -> Table:
    """Check a table as ``files.read_file`` gives it.

    ``weight`` and ``split_by`` name columns of the file: what each row counts, and its date.
    ``as_of``: the day when the table was true; a schema with dates needs it. Raises TableError with
    one line for a column that is not there, no rows, or more than ``max_rejected`` (share of the
    labelled rows, 0..1) that break the schema.
    """
    _require_day(path, schema, as_of)
    extras = {"--weight": weight.strip(), "--split-by": split_by.strip()}
    wanted = {**dataset.columns, "the target": dataset.target.column}
    _require_columns(path, raw, wanted | {flag: name for flag, name in extras.items() if name})
    if raw.empty:
        raise TableError(f"{path}: has a header and no rows")
    labels = _labels(raw, dataset)
    customers, errors = _parse(raw, dataset, schema, as_of)
    errors += _label_errors(labels, dataset)
    weights, dates, beside = _extras(raw, dataset, extras)
    errors += beside
    unlabelled = labels == _UNLABELLED
    columns = {**dataset.columns, _TARGET: dataset.target.column, **extras}
    rejected = _rejected_table(raw, columns, [e for e in errors if not unlabelled[e.row]])
    bad = np.zeros(len(raw), dtype=bool)
    bad[rejected["row"].to_numpy(dtype=np.intp)] = True
    keep = ~bad & ~unlabelled
    table = Table(
        name=dataset.name,
        customers=_whole(customers[keep].reset_index(drop=True), schema),
        churned=labels[keep],
        rejected=rejected,
        rows=len(raw),
        rejected_rows=int(bad.sum()),
        unlabelled_rows=int(unlabelled.sum()),
        weights=weights[keep],
        source=str(path),
        dates=dates[keep].reset_index(drop=True) if split_by else None,
        split_by=split_by,
        dataset=dataset,
        as_of=as_of if schema.dates else None,
    )
    _refuse_too_many(path, table, max_rejected)
    return table


# --- its columns -------------------------------------------------------------------------------


def _require_day(path: str | Path, schema: RecordSchema, as_of: date | None) -> None:
    if schema.dates and as_of is None:
        names = ", ".join(column.name for column in schema.dates)
        raise TableError(
            f"{path}: dates ({names}) are scored by their age: say on which day the table was "
            "true, as --as-of 2026-01-31"
        )


def _require_columns(path: str | Path, raw: pd.DataFrame, wanted: Mapping[str, str]) -> None:
    for field, name in wanted.items():
        found = int((raw.columns == name.strip()).sum())
        if found == 0:
            here = ", ".join(map(repr, raw.columns[:50]))
            hint = " (is [csv] separator right?)" if raw.shape[1] == 1 else ""
            raise TableError(
                f"{path}: has no column {name!r}, which is named for {field}{hint}; "
                f"its columns are {here}"
            )
        if found > 1:
            raise TableError(f"{path}: has {found} columns named {name!r}; keep one")


# --- its cells --------------------------------------------------------------------------------

_UNLABELLED, _UNKNOWN = -1, -2


def _labels(raw: pd.DataFrame, dataset: Dataset) -> npt.NDArray[np.int64]:
    target = dataset.target
    meaning = dict.fromkeys(target.kept, 0) | dict.fromkeys(target.churned, 1)
    meaning |= dict.fromkeys(target.unlabelled, _UNLABELLED)
    found = [meaning.get(label(cell), _UNKNOWN) for cell in raw[target.column.strip()]]
    return np.array(found, dtype=np.int64)


def _label_errors(labels: npt.NDArray[np.int64], dataset: Dataset) -> list[FieldError]:
    reason = "is none of the values that the descriptor's [target] lists"
    rows = np.flatnonzero(labels == _UNKNOWN).tolist()
    return [FieldError(row, _TARGET, "unknown_label", reason) for row in rows]


_TARGET = "target"


def _parse(
    raw: pd.DataFrame, dataset: Dataset, schema: RecordSchema, as_of: date | None
) -> tuple[pd.DataFrame, list[FieldError]]:
    """The schema's columns, typed, dates as ages, and all errors of all rows (one a cell)."""
    cells = {field: raw[name.strip()] for field, name in dataset.columns.items()}
    checked, frame = check_texts(cells, schema, dataset)
    for column in schema:
        if column.name not in frame:
            frame[column.name] = np.nan if column.kind != "category" else None
        elif column.kind == "date" and as_of is not None:
            frame[column.name] = to_day(as_of) - checked.values[column.name]
    return frame[[column.name for column in schema]], list(checked.errors)


def _extras(
    raw: pd.DataFrame, dataset: Dataset, extras: Mapping[str, str]
) -> tuple[npt.NDArray[np.float64], pd.Series[pd.Timestamp], list[FieldError]]:
    """What each row counts (n,), its date (n,), and which cells say neither."""
    errors: list[FieldError] = []
    weights = np.ones(len(raw))
    if extras["--weight"]:
        cells = raw[extras["--weight"]]
        if dataset.csv.decimal != "." and not pd.api.types.is_numeric_dtype(cells):
            cells = cells.str.replace(dataset.csv.decimal, ".", regex=False)
        weights = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        good = np.isfinite(weights) & (weights > 0)
        rows = np.flatnonzero(~good).tolist()
        errors += [FieldError(row, "--weight", "weight", "is no number above 0") for row in rows]
    dates = pd.Series(pd.NaT, index=raw.index, dtype="datetime64[ns, UTC]")
    if extras["--split-by"]:
        cells = raw[extras["--split-by"]]
        dates = pd.to_datetime(cells, errors="coerce", utc=True, format="ISO8601")
        rows = np.flatnonzero(dates.isna()).tolist()
        reason = "is no date as 2026-01-31"
        errors += [FieldError(row, "--split-by", "date", reason) for row in rows]
    return weights, dates, errors


def _whole(customers: pd.DataFrame, schema: RecordSchema) -> pd.DataFrame:
    """Checked customers with their whole numbers as int64, as scoring will get them."""
    whole = [
        column.name
        for column in schema.with_ages()
        if column.kind == "integer" and customers[column.name].notna().all()
    ]
    return customers.astype(dict.fromkeys(whole, np.int64))


# --- what was left out ------------------------------------------------------------------------


def _rejected_table(
    raw: pd.DataFrame, columns: Mapping[str, str], errors: list[FieldError]
) -> pd.DataFrame:
    place = {name: i for i, name in enumerate(columns)}
    rows = [
        {
            "row": error.row,
            "field": error.field,
            "column": columns.get(error.field),
            "rule": error.type,
            "reason": error.msg,
            "cell": raw[name.strip()].iloc[error.row]
            if (name := columns.get(error.field))
            else None,
        }
        for error in sorted(errors, key=lambda error: (error.row, place.get(error.field, -1)))
    ]
    return pd.DataFrame(rows, columns=list(REJECTED_COLUMNS))


def _refuse_too_many(path: str | Path, table: Table, max_rejected: float) -> None:
    labelled = table.rows - table.unlabelled_rows
    if not labelled:
        raise TableError(f"{path}: none of its {table.rows} rows has a label; check [target]")
    share = table.rejected_rows / labelled
    if share > max_rejected:
        raise TableError(
            f"{path}: {table.rejected_rows} of {labelled} rows ({share:.0%}) break the schema, "
            f"more than --max-rejected {max_rejected:.0%}: {describe_rejected(table)}; look at "
            "these rows, correct the file or the descriptor"
        )
    if table.customers.empty:
        raise TableError(f"{path}: no row is left to train on: {describe_rejected(table)}")


def describe_rejected(table: Table) -> str:
    """Why rows were left out, by column and rule: counts and example rows."""
    groups = table.rejected.groupby(["field", "column", "reason"], sort=False, dropna=False)["row"]
    parts = []
    for (field, column, reason), rows in sorted(groups, key=lambda item: -len(item[1])):
        examples = ", ".join(map(str, rows.head(_EXAMPLES)))
        parts.append(f"{field} (column {column!r}) {reason}: {len(rows)} rows, e.g. {examples}")
    return "; ".join(parts)
