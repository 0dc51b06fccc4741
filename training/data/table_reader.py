"""Reads a CSV or Parquet file into a Table: valid customers, their labels, and rejected rows.

Nothing is inferred: each column is read as the schema declares it. A row with a cell that cannot be
read that way is rejected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from churn_model.arrays import Mask
from churn_model.dates import day_numbers
from churn_model.errors import FieldError, TableError
from churn_model.schema import RecordSchema
from churn_model.tables.column_names import require_column
from churn_model.tables.csv_format import detect_csv_format
from churn_model.tables.files import read_file
from churn_model.tables.observations import (
    AS_OF,
    Days,
    ObservationOptions,
    Observations,
    read_days,
    read_observations,
)
from churn_model.tables.target import (
    TARGET,
    UNLABELLED,
    describe_target,
    label_errors,
    read_labels,
)
from churn_model.tables.texts import check_texts
from training.data.customers import CustomersOfRows, customers_of_rows
from training.data.dataset import Dataset
from training.data.row_columns import SPLIT_BY, WEIGHT, read_groups, read_weights
from training.data.table import REJECTED_COLUMNS, Table, describe_rejected


def read_table(
    path: str | Path, dataset: Dataset, schema: RecordSchema, max_rejected: float, **options: Any
) -> Table:
    """Read a file and check it. ``options``: keyword arguments of ``check_table``.

    The separator of a CSV file is detected unless the descriptor sets it.
    """
    csv_format = detect_csv_format(path, dataset.csv)
    raw = read_file(path, csv_format)
    dataset = dataset.model_copy(update={"csv": csv_format})
    return check_table(raw, path, dataset, schema, max_rejected, **options)


def check_table(
    raw: pd.DataFrame,
    path: str | Path,
    dataset: Dataset,
    schema: RecordSchema,
    max_rejected: float,
    *,
    weight: str = "",
    split_by: str = "",
    split_format: str = "",
    observation: ObservationOptions | None = None,
    audit: Sequence[str] = (),
) -> Table:
    """Check a table that ``read_file`` has read.

    ``weight`` and ``split_by``: columns of the file with each row's sample weight, and with the
    date to split by (by default the observation date), written in ``split_format`` (empty to find
    it out). ``observation``: when the rows were observed; required if the schema has dates.
    ``audit``: columns whose groups are evaluated; those that are features are anyway. Raises
    TableError with one line for a missing column, a table without rows, or a share of invalid rows
    above ``max_rejected`` (0..1, of the labelled rows).
    """
    checked = check_rows(
        raw,
        path,
        dataset,
        schema,
        weight=weight,
        split_by=split_by,
        split_format=split_format,
        observation=observation,
        audit=audit,
    )
    of_rows = customers_of_rows(raw, checked.customers, schema).take(np.flatnonzero(checked.used))
    table = replace(checked.table, customers_of_rows=of_rows)
    check_rejected_share(path, table, max_rejected)
    return table


@dataclass(frozen=True)
class CheckedRows:
    """The result of checking n rows.

    ``table``: the rows that can be used; each is of another customer in it. ``customers``: the
    parsed columns of all rows (n,). ``used`` (n,): which of them are in the table.
    """

    table: Table
    customers: pd.DataFrame
    used: Mask


def check_rows(
    raw: pd.DataFrame,
    path: str | Path,
    dataset: Dataset,
    schema: RecordSchema,
    *,
    weight: str = "",
    split_by: str = "",
    split_format: str = "",
    observation: ObservationOptions | None = None,
    audit: Sequence[str] = (),
) -> CheckedRows:
    """Check rows, perhaps of a larger table; the arguments are those of ``check_table``."""
    observation = observation or ObservationOptions()
    row_columns = {
        WEIGHT: weight.strip(),
        SPLIT_BY: split_by.strip(),
        AS_OF: observation.column,
    }
    _check_layout(raw, path, dataset, {**row_columns, **{f"--audit {n}": n for n in audit}})
    _require_as_of(path, schema, observation)
    labels = read_labels(raw, dataset.target)
    observed = read_observations(raw, observation)
    customers, errors = _read_fields(raw, dataset, schema, observed)
    weights, weight_errors = read_weights(raw, row_columns[WEIGHT], dataset.csv.decimal)
    dates, date_errors = _split_dates(raw, row_columns, split_format, observed)
    errors += [*label_errors(labels), *weight_errors, *date_errors, *observed.errors]
    unlabelled = labels == UNLABELLED
    immature = ~unlabelled & ~observed.mature
    has_label = ~unlabelled & ~immature
    columns = {**dataset.columns, TARGET: dataset.target.column, **row_columns}
    rejected = _rejected_rows(raw, columns, [e for e in errors if has_label[e.row]])
    invalid = np.zeros(len(raw), dtype=bool)
    invalid[rejected["row"].to_numpy(dtype=np.intp)] = True
    used = ~invalid & has_label
    table = Table(
        name=dataset.name,
        customers=with_integers(customers[used].reset_index(drop=True), schema),
        churned=labels[used],
        rejected=rejected,
        rows=len(raw),
        rejected_rows=int(invalid.sum()),
        unlabelled_rows=int(unlabelled.sum()),
        immature_rows=int(immature.sum()),
        weights=weights[used],
        customers_of_rows=CustomersOfRows.one_per_row(int(used.sum())),
        source=str(path),
        dates=None if dates is None else dates[used],
        split_by=row_columns[SPLIT_BY] or observation.column,
        dataset=dataset,
        observation=observed.resolved(observation),
        observed=None if observed.days is None else observed.days[used],
        target=describe_target(raw, dataset.target),
        audit=read_groups(raw[_no_fields(audit, dataset)])[used].reset_index(drop=True),
    )
    return CheckedRows(table, customers, used)


def _no_fields(names: Sequence[str], dataset: Dataset) -> list[str]:
    """The columns that are not fields of the record."""
    fields = {column.strip() for column in dataset.columns.values()}
    return [name for name in names if name not in fields]


def _split_dates(
    raw: pd.DataFrame, row_columns: Mapping[str, str], date_format: str, observed: Observations
) -> tuple[Days | None, list[FieldError]]:
    """The dates (n,) to split by, None if there are none, and an error for each invalid cell."""
    if row_columns[SPLIT_BY]:
        return read_days(raw[row_columns[SPLIT_BY]], SPLIT_BY, date_format)
    return (observed.days if row_columns[AS_OF] else None), []


def _check_layout(
    raw: pd.DataFrame, path: str | Path, dataset: Dataset, row_columns: Mapping[str, str]
) -> None:
    """Raise TableError unless each column exists once and there are rows."""
    wanted = {f"[columns] {field}": name for field, name in dataset.columns.items()}
    wanted["[target] column"] = dataset.target.column
    wanted |= {flag: name for flag, name in row_columns.items() if name}
    for named_by, name in wanted.items():
        require_column(name.strip(), raw.columns, named_by, path)
        if (raw.columns == name.strip()).sum() > 1:
            raise TableError(f"{path}: duplicate column {name!r}; keep one of them")
    if raw.empty:
        raise TableError(f"{path}: has a header and no rows")


def _require_as_of(path: str | Path, schema: RecordSchema, observation: ObservationOptions) -> None:
    if schema.dates and observation.as_of is None:
        names = ", ".join(column.name for column in schema.dates)
        raise TableError(
            f"{path}: dates ({names}) are scored by their age; name the day on which the rows were "
            "observed, for example --as-of 2026-01-31, or the column with each row's day"
        )


def _read_fields(
    raw: pd.DataFrame, dataset: Dataset, schema: RecordSchema, observed: Observations
) -> tuple[pd.DataFrame, list[FieldError]]:
    """The schema's columns, typed, with dates as ages, and at most one error per cell."""
    cells = {field: raw[name.strip()] for field, name in dataset.columns.items()}
    checked, frame = check_texts(cells, schema, dataset)
    for column in schema:
        if column.name not in frame:
            frame[column.name] = np.nan if column.kind != "category" else None
        elif column.kind == "date" and observed.days is not None:
            frame[column.name] = day_numbers(observed.days) - checked.values[column.name]
    return frame[[column.name for column in schema]], list(checked.errors)


def with_integers(customers: pd.DataFrame, schema: RecordSchema) -> pd.DataFrame:
    """Valid customers with integer columns as int64, the type that scoring gets."""
    integers = [
        column.name
        for column in schema.with_ages()
        if column.kind == "integer" and customers[column.name].notna().all()
    ]
    return customers.astype(dict.fromkeys(integers, np.int64))


def _rejected_rows(
    raw: pd.DataFrame, columns: Mapping[str, str], errors: Sequence[FieldError]
) -> pd.DataFrame:
    """One line per error, ordered by row and column. ``columns``: field -> column of the file."""
    order = {field: i for i, field in enumerate(columns)}
    lines = [
        (
            error.row,
            error.field,
            column := columns.get(error.field),
            error.type,
            error.msg,
            raw[column.strip()].iloc[error.row] if column else None,
        )
        for error in sorted(errors, key=lambda error: (error.row, order.get(error.field, -1)))
    ]
    return pd.DataFrame(lines, columns=list(REJECTED_COLUMNS))


def check_rejected_share(path: str | Path, table: Table, max_rejected: float) -> None:
    """Raise TableError for a table without usable rows, or with too many rejected ones."""
    labelled = table.rows - table.unlabelled_rows - table.immature_rows
    if not labelled:
        raise TableError(f"{path}: none of its {table.rows} rows has a label; check [target]")
    share = table.rejected_rows / labelled
    if share > max_rejected:
        raise TableError(
            f"{path}: {table.rejected_rows} of {labelled} rows ({share:.0%}) break the schema, "
            f"more than --max-rejected {max_rejected:.0%}: {describe_rejected(table)}; correct "
            "the file or the descriptor"
        )
    if table.customers.empty:
        raise TableError(f"{path}: no valid row to train on: {describe_rejected(table)}")
