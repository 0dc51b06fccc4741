"""A schema proposed for a table that has none: what each column is, or why it is left out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.errors import SchemaError, TableError
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column, describe_column
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.texts import check_texts
from training.data.dataset import Dataset
from training.data.target import label, read_target, require
from training.evaluation.alarms import alarms
from training.schema_inference.kinds import MISSING, find_kind

_LEAKS = ("answer", "missing", "identifier")
_SHOWN_LEVELS = 6
_LOOKED_AT = 100_000  # rows, when leaks are looked for
_PANDAS_MISSING = {"None", "n/a", "nan", "<NA>", "#N/A", "#NA"}
_ODD_ZEROS = 0.01  # share of zeros from which they are worth a remark
_FAR = 5.0  # from 0, where the smallest number that is known would have to be
_FEW_NEGATIVES = 0.05


@dataclass(frozen=True)
class ColumnRoles:
    """What the user says of a table: who is who, who churned, which columns are not to be used.

    ``target``: ``column=value`` for each value that means churned. ``identifier``: the column that
    names a customer, or empty. ``exclude``: column -> why. ``as_of``: the day when the table was
    true, to which dates are aged.
    """

    target: Sequence[str]
    identifier: str = ""
    exclude: Mapping[str, str] = field(default_factory=dict)
    as_of: date | None = None


@dataclass(frozen=True)
class Proposal:
    """What a table's customers are taken for.

    ``left_out``: column -> why. ``remarks``: what a reader should look at.
    """

    schema: RecordSchema
    dataset: Dataset
    left_out: Mapping[str, str]
    remarks: Sequence[str]

    def summary(self) -> str:
        """The fields, what was left out and what to look at, for people."""
        width = max(len(column.name) for column in self.schema)
        lines = [f"{len(self.schema.features)} features:"]
        lines += [
            f"  {column.name:{width}}  {describe_column(column, _SHOWN_LEVELS)}"
            for column in self.schema
        ]
        if self.left_out:
            lines += ["left out:", *(f"  {name!r} {why}" for name, why in self.left_out.items())]
        if self.remarks:
            lines += ["please look at:", *(f"  {remark}" for remark in self.remarks)]
        return "\n".join(lines)


def propose(raw: pd.DataFrame, csv: CsvFormat, name: str, asked: ColumnRoles) -> Proposal:
    """Propose the schema of a table's n rows as ``files.read_file`` gives them.

    The fields have the names of the columns. Raises TableError or SchemaError.
    """
    twice = raw.columns[raw.columns.duplicated()]
    if len(twice):
        raise TableError(f"{name}: has two columns named {twice[0]!r}; keep one")
    target = read_target(raw, asked.target)
    for flag, column in [("--id", asked.identifier), *(("--exclude", c) for c in asked.exclude)]:
        if column:
            require(raw, column, flag)
    labels = raw[target.column].map(label)
    labelled = ~labels.isin(target.unlabelled).to_numpy()
    known, churned = raw[labelled], labels[labelled].isin(target.churned).to_numpy()
    columns: list[Column] = []
    left_out = {column: why for column, why in asked.exclude.items() if column != target.column}
    marks: set[str] = set()
    for source in raw.columns:
        if source == target.column or source in left_out:
            continue
        if source == asked.identifier:
            columns.append(Column(source, "identifier"))
            continue
        found = find_kind(source, known[source], csv, asked.as_of)
        marks |= found.marks
        if found.column is None:
            left_out[source] = found.why
        else:
            columns.append(found.column)
    dataset = Dataset(
        name=name,
        columns={column.name: column.name for column in columns},
        missing=[*MISSING, *sorted(marks)],
        csv=csv,
        target=target,
    )
    leaks, odd = _leaks(columns, known, dataset, churned)
    left_out |= leaks
    columns = [column for column in columns if column.name not in leaks]
    if all(column.kind == "identifier" for column in columns):
        reasons = "; ".join(f"{column!r} {why}" for column, why in left_out.items())
        raise SchemaError(f"{name}: no column can be a feature: {reasons or 'there is none'}")
    kept = {column.name: column.name for column in columns}
    return Proposal(
        RecordSchema("Customer", tuple(columns)),
        dataset.model_copy(update={"columns": kept}),
        left_out,
        [*odd, *_remarks(raw, columns, asked.identifier)],
    )


def _leaks(
    columns: list[Column], known: pd.DataFrame, dataset: Dataset, churned: npt.NDArray[np.bool_]
) -> tuple[dict[str, str], list[str]]:
    """Which columns give the answer away, and how; and what else looks odd."""
    features = tuple(column for column in columns if column.kind not in ("identifier", "date"))
    if not features or len(np.unique(churned)) < 2:
        return {}, []
    step = slice(None, None, max(1, len(known) // _LOOKED_AT))
    some = known.iloc[step].reset_index(drop=True)
    schema = RecordSchema("Customer", features)
    checked, frame = check_texts({c.name: some[c.name] for c in features}, schema, dataset)
    valid = checked.valid
    customers = frame[valid].reset_index(drop=True)
    found = alarms(customers, churned[step][valid].astype(np.int64), schema)
    leaks = {
        alarm.feature: f"is likely a leak: {alarm.text}" for alarm in found if alarm.kind in _LEAKS
    }
    return leaks, [alarm.text for alarm in found if alarm.feature not in leaks]


# --- what to look at --------------------------------------------------------------------------


def _remarks(raw: pd.DataFrame, columns: Sequence[Column], identifier: str) -> Iterator[str]:
    if identifier:
        if pd.api.types.is_numeric_dtype(raw[identifier]):
            yield f"{identifier}: holds numbers; to be scored, identifiers have to be text"
        again = int(raw[identifier].duplicated().sum())
        if again:
            yield f"{again:,} rows repeat an identifier of a row before them"
    try:
        same = int(raw.duplicated().sum())
    except TypeError:  # cells that have no hash
        same = 0
    if same:
        yield f"{same:,} rows are copies of others: what is held out may have been learnt from"
    for column in columns:
        read_as_missing = sorted(_PANDAS_MISSING & set(column.levels))
        if read_as_missing:
            yield (
                f"{column.name}: {read_as_missing[0]!r} is a category, and pandas.read_csv takes "
                'it for missing unless told keep_default_na=False, na_values=[""]'
            )
        if column.kind in ("integer", "number"):
            numbers = pd.to_numeric(raw[column.name], errors="coerce")
            yield from _zeros(column, numbers)
            yield from _negatives(column, numbers)


def _zeros(column: Column, numbers: pd.Series[Any]) -> Iterator[str]:
    """Whether 0 stands far below all other numbers, as it does where it means missing."""
    others = numbers[numbers > 0]
    share = float((numbers == 0).mean())
    if share < _ODD_ZEROS or others.empty or others.min() < max(_FAR, others.median() / 4):
        return
    if math.isclose(others.min(), others.max()) or others.nunique() < 10:
        return
    yield (
        f"{column.name}: {share:.0%} are 0, all others {others.min():g} or more; if 0 means "
        "missing, leave these cells empty"
    )


def _negatives(column: Column, numbers: pd.Series[Any]) -> Iterator[str]:
    below = int((numbers < 0).sum())
    if 0 < below < _FEW_NEGATIVES * len(numbers):
        yield (
            f"{column.name}: {below:,} are below 0; if these are mistakes, give the field a "
            "minimum of 0, so that such rows are rejected"
        )
