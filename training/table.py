"""CSV or Parquet -> customers that hold, their labels, and the rows that were left out and why.

Nothing is inferred: each column is read as the schema declares it. A cell that cannot be read that
way is a reason to leave its row out, never a value of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.errors import FieldError, TableError
from churn_model.schema import RecordSchema
from churn_model.texts import check_texts
from training.dataset import Dataset
from training.simulator import simulate

_EXAMPLES = 5

REJECTED_COLUMNS = ("row", "field", "column", "rule", "reason", "cell")


@dataclass(frozen=True)
class Table:
    """A table ready to train on.

    ``customers``: n rows with the schema's columns. ``churned`` (n,): 1 or 0. ``rejected``: a line
    for each broken rule of each row left out (row from 0 in the file, field, column, rule, reason,
    the cell as it stands there). ``rows``, ``rejected_rows``, ``unlabelled_rows`` add up:
    ``rows == n + rejected_rows + unlabelled_rows``.
    """

    name: str
    customers: pd.DataFrame
    churned: npt.NDArray[np.int64]
    rejected: pd.DataFrame
    rows: int
    rejected_rows: int
    unlabelled_rows: int
    source: str | None = None

    def summary(self) -> str:
        """How many rows there were, and what became of them."""
        return (
            f"{self.rows:,} rows, {len(self.churned):,} used ({self.churned.mean():.1%} churned), "
            f"{self.rejected_rows:,} rejected, {self.unlabelled_rows:,} without a label"
        )


def built_in_table(rows: int, seed: int) -> Table:
    """The simulated customers as a table."""
    simulation = simulate(rows, seed)
    nothing = pd.DataFrame(columns=list(REJECTED_COLUMNS))
    return Table("built-in", simulation.customers, simulation.churned, nothing, rows, 0, 0)


def read_table(
    path: str | Path, dataset: Dataset, schema: RecordSchema, max_rejected: float
) -> Table:
    """Read and check a table.

    Raises TableError with one line for a file that cannot be read, a column that is not there,
    no rows, or more than ``max_rejected`` (share of the labelled rows, 0..1) that break the schema.
    """
    raw = _read(Path(path), dataset)
    _require_columns(path, raw, dataset)
    if raw.empty:
        raise TableError(f"{path}: has a header and no rows")
    labels = _labels(raw, dataset)
    customers, errors = _parse(raw, dataset, schema)
    errors += _label_errors(labels, dataset)
    unlabelled = labels == _UNLABELLED
    rejected = _rejected_table(raw, dataset, [e for e in errors if not unlabelled[e.row]])
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
        source=str(path),
    )
    _refuse_too_many(path, table, max_rejected)
    return table


# --- the file ---------------------------------------------------------------------------------


def _read(path: Path, dataset: Dataset) -> pd.DataFrame:
    suffix = path.suffix.lower()
    try:
        if suffix in (".parquet", ".pq"):
            raw = pd.read_parquet(path)
        elif suffix == ".csv":
            raw = pd.read_csv(
                path,
                sep=dataset.csv.separator,
                encoding=dataset.csv.encoding,
                dtype=str,
                keep_default_na=False,
            )
        else:
            raise TableError(f"{path}: is neither .csv nor .parquet")
    except TableError:
        raise
    except FileNotFoundError:
        raise TableError(f"{path}: no such file") from None
    except pd.errors.EmptyDataError:
        raise TableError(f"{path}: is empty") from None
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TableError(f"{path}: cannot be read as {suffix[1:]} ({reason})") from None
    return raw.reset_index(drop=True).rename(columns=lambda name: str(name).strip())


def _require_columns(path: str | Path, raw: pd.DataFrame, dataset: Dataset) -> None:
    wanted = {**dataset.columns, "the target": dataset.target.column}
    for field, name in wanted.items():
        found = int((raw.columns == name.strip()).sum())
        if found == 0:
            here = ", ".join(map(repr, raw.columns[:50]))
            hint = " (is [csv] separator right?)" if raw.shape[1] == 1 else ""
            raise TableError(
                f"{path}: has no column {name!r}, which the descriptor names for {field}{hint}; "
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
    texts = ["" if pd.isna(cell) else str(cell).strip() for cell in raw[target.column.strip()]]
    return np.array([meaning.get(text, _UNKNOWN) for text in texts], dtype=np.int64)


def _label_errors(labels: npt.NDArray[np.int64], dataset: Dataset) -> list[FieldError]:
    reason = "is none of the values that the descriptor's [target] lists"
    rows = np.flatnonzero(labels == _UNKNOWN).tolist()
    return [FieldError(row, _TARGET, "unknown_label", reason) for row in rows]


_TARGET = "target"


def _parse(
    raw: pd.DataFrame, dataset: Dataset, schema: RecordSchema
) -> tuple[pd.DataFrame, list[FieldError]]:
    """The schema's columns, typed, and all errors of all rows (one a cell)."""
    cells = {field: raw[name.strip()] for field, name in dataset.columns.items()}
    checked, frame = check_texts(cells, schema, dataset)
    for column in schema:
        if column.name not in frame:
            frame[column.name] = np.nan if column.kind != "category" else None
    return frame[[column.name for column in schema]], list(checked.errors)


def _whole(customers: pd.DataFrame, schema: RecordSchema) -> pd.DataFrame:
    """Checked customers with their whole numbers as int64, as scoring will get them."""
    whole = [c.name for c in schema if c.kind == "integer" and customers[c.name].notna().all()]
    return customers.astype(dict.fromkeys(whole, np.int64))


# --- what was left out ------------------------------------------------------------------------


def _rejected_table(raw: pd.DataFrame, dataset: Dataset, errors: list[FieldError]) -> pd.DataFrame:
    place = {name: i for i, name in enumerate(dataset.columns)}

    def column(error: FieldError) -> str | None:
        if error.field == _TARGET:
            return dataset.target.column
        return dataset.columns.get(error.field)

    rows = [
        {
            "row": error.row,
            "field": error.field,
            "column": column(error),
            "rule": error.type,
            "reason": error.msg,
            "cell": None if (name := column(error)) is None else raw[name.strip()].iloc[error.row],
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
