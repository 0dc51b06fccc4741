"""Proposes a schema for a table: a kind for each column, or a reason to leave it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.errors import SchemaError, TableError
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column, describe_column
from churn_model.tables.column_names import require_column
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.observations import Days, read_observations
from churn_model.tables.target import Target, describe_target, label, read_target
from training.data.cell_options import CellOptionsOfColumn
from training.data.dataset import Dataset
from training.schema_inference.dates import from_the_future
from training.schema_inference.identifiers import (
    describe_identifier,
    is_repeated_identifier,
    repeated_identifier,
)
from training.schema_inference.inferred_column import InferredColumn
from training.schema_inference.inheritance import (
    EarlierModel,
    continue_schema,
    describe_continuation,
)
from training.schema_inference.kinds import infer_column
from training.schema_inference.named_columns import NamedColumns
from training.schema_inference.remarks import remarks
from training.schema_inference.sample import leaks, parse_sample

_SHOWN_LEVELS = 6


@dataclass(frozen=True)
class Proposal:
    """A proposed schema, and the descriptor that reads the table with it.

    ``left_out``: column -> reason. ``remarks``: what the user should check. ``target``: the
    target's values, as text. ``inherited``: what continues an earlier model, as text.
    ``inferred_from``: how many of the rows were seen, as text; empty if all were.
    """

    schema: RecordSchema
    dataset: Dataset
    left_out: Mapping[str, str]
    remarks: Sequence[str]
    target: str
    inherited: str = ""
    inferred_from: str = ""

    def summary(self) -> str:
        """The fields, the columns left out, and the remarks, as text."""
        width = max(len(column.name) for column in self.schema)
        lines = [self.inherited] if self.inherited else []
        seen = f", inferred from {self.inferred_from}" if self.inferred_from else ""
        lines += [f"{len(self.schema.features)} features{seen}:"]
        lines += [
            f"  {column.name:{width}}  {describe_column(column, _SHOWN_LEVELS)}"
            f"{self._describe_cells(column.name)}"
            for column in self.schema
        ]
        if self.left_out:
            lines += ["left out:", *(f"  {name!r} {why}" for name, why in self.left_out.items())]
        if self.remarks:
            lines += ["please check:", *(f"  {remark}" for remark in self.remarks)]
        return "\n".join(lines)

    def _describe_cells(self, name: str) -> str:
        """How a field's cells are written, if not in the usual way."""
        words = ""
        if name in self.dataset.formats:
            words += f"; written as {self.dataset.formats[name]}"
        if marks := self.dataset.missing_in.get(name):
            more = ", ..." if len(marks) > _SHOWN_LEVELS else ""
            words += f"; missing if {', '.join(map(repr, marks[:_SHOWN_LEVELS]))}{more}"
        return words


def propose(
    raw: pd.DataFrame,
    csv: CsvFormat,
    name: str,
    named: NamedColumns,
    earlier: EarlierModel | None = None,
    target: Target | None = None,
) -> Proposal:
    """Propose the schema of a table that ``read_file`` has read; the fields keep its column names.

    ``earlier``: the model whose schema is continued; None to start afresh. ``target``: of a table
    of which ``raw`` is a sample; None to read it. Raises TableError or SchemaError.
    """
    _check_columns(raw, name, named)
    if earlier is not None:
        named = earlier.added_to(named, raw.columns)
    target = target or read_target(raw, named.target)
    found = "" if named.identifier else _repeated_identifier(raw, target.column, named)
    named = replace(named, identifier=named.identifier or found)
    rows = _labelled(raw, target, named)
    inferred = _infer_columns(rows, target.column, csv, named)
    widened: list[str] = []
    if earlier is not None:
        inferred, widened = continue_schema(inferred, earlier, rows.known, named.cells)
    columns = [each.column for each in inferred.values() if each.column is not None]
    left_out = {source: each.reason for source, each in inferred.items() if each.column is None}
    _require_feature(name, columns, left_out)
    dataset = _dataset(name, inferred, csv, target, named.without_features)
    sample = parse_sample(columns, rows.known, dataset, rows.churned)
    leaking = leaks([each for each in columns if each.name not in named.keep], sample)
    left_out |= {name: f"is likely a leak: {text}" for name, text in leaking.items()}
    columns = [column for column in columns if column.name not in leaking]
    _require_feature(name, columns, left_out)
    names = [column.name for column in columns]
    return Proposal(
        RecordSchema("Customer", tuple(columns)),
        _with_fields(dataset, names),
        left_out,
        [
            *([describe_identifier(raw[found])] if found else []),
            *_notes(columns, inferred),
            *remarks(raw, columns, sample.frame, named.identifier),
        ],
        describe_target(raw, target),
        "" if earlier is None else describe_continuation(earlier, widened, names),
    )


@dataclass(frozen=True)
class _Labelled:
    """The labelled rows (m) of a table: which churned (m,), and when each was observed (m,)."""

    known: pd.DataFrame
    churned: npt.NDArray[np.bool_]
    days: Days | None


def _labelled(raw: pd.DataFrame, target: Target, named: NamedColumns) -> _Labelled:
    labels = raw[target.column].map(label)
    observed = read_observations(raw, named.observation)
    labelled = ~labels.isin(target.unlabelled).to_numpy() & observed.mature
    churned = labels[labelled].isin(target.churned).to_numpy()
    days = None if observed.days is None else observed.days[labelled]
    return _Labelled(raw[labelled], churned, days)


def _notes(columns: Sequence[Column], inferred: Mapping[str, InferredColumn]) -> Iterator[str]:
    for column in columns:
        if note := inferred[column.name].note:
            yield f"{column.name}: {note}"


def _check_columns(raw: pd.DataFrame, name: str, named: NamedColumns) -> None:
    duplicates = raw.columns[raw.columns.duplicated()]
    if len(duplicates):
        raise TableError(f"{name}: duplicate column {duplicates[0]!r}; keep one of them")
    for flag, column in named.flags:
        require_column(column, raw.columns, flag)


def _repeated_identifier(raw: pd.DataFrame, target: str, named: NamedColumns) -> str:
    """The column that identifies repeated customers, although the user named none; or empty."""
    usable = [name for name in raw.columns if name != target and name not in named.left_out]
    return repeated_identifier(raw, usable)


def _infer_columns(
    rows: _Labelled, target: str, csv: CsvFormat, named: NamedColumns
) -> dict[str, InferredColumn]:
    """What each column of the labelled rows is; columns that the user left out come first."""
    known, days = rows.known, rows.days
    excluded = {column: why for column, why in named.left_out.items() if column != target}
    inferred = {column: InferredColumn(reason=why) for column, why in excluded.items()}
    for source in known.columns:
        if source == target or source in excluded:
            continue
        if source == named.identifier:
            inferred[source] = InferredColumn(Column(source, "identifier"))
        else:
            inferred[source] = _infer_column(known[source], csv, days, named.cells.of(source))
    return inferred


def _infer_column(
    cells: pd.Series[Any], csv: CsvFormat, days: Days | None, options: CellOptionsOfColumn
) -> InferredColumn:
    if is_repeated_identifier(str(cells.name), cells):
        return InferredColumn(reason="has many values and the name of an identifier")
    is_observed = days is not None
    inferred = infer_column(str(cells.name), cells, csv, is_observed, options)
    if days is not None and inferred.column is not None and inferred.column.kind == "date":
        reason = from_the_future(cells, inferred, days)
        return InferredColumn(reason=reason) if reason else inferred
    return inferred


def _dataset(
    name: str,
    inferred: Mapping[str, InferredColumn],
    csv: CsvFormat,
    target: Target,
    excluded: Sequence[str],
) -> Dataset:
    """The descriptor of the columns that are fields; they have the same names."""
    fields = {source: each for source, each in inferred.items() if each.column is not None}
    return Dataset(
        name=name,
        columns={source: source for source in fields},
        missing_in={source: sorted(each.marks) for source, each in fields.items() if each.marks},
        formats={source: each.format for source, each in fields.items() if each.format},
        excluded=list(excluded),
        csv=csv,
        target=target,
    )


def _with_fields(dataset: Dataset, columns: Sequence[str]) -> Dataset:
    """The descriptor of fewer fields, which have the names of their columns."""
    update = {
        "columns": {name: name for name in columns},
        "missing_in": {k: v for k, v in dataset.missing_in.items() if k in columns},
        "formats": {k: v for k, v in dataset.formats.items() if k in columns},
    }
    return dataset.model_copy(update=update)


def _require_feature(name: str, columns: Sequence[Column], left_out: Mapping[str, str]) -> None:
    if all(column.kind == "identifier" for column in columns):
        reasons = "; ".join(f"{column!r} {why}" for column, why in left_out.items())
        raise SchemaError(
            f"{name}: no column can be a feature: {reasons or 'the table has no other column'}"
        )
