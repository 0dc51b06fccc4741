"""Continues the schema of an earlier model, widened where a new table requires it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from churn_model.schema import RecordSchema
from churn_model.schema.column import INT64_MAX, INT64_MIN, Column
from churn_model.tables.cell_format import NUMERICAL
from churn_model.tables.descriptor import TableDescriptor
from churn_model.tables.missing_values import MISSING
from churn_model.tables.texts import is_boolean
from training.data.cell_options import CellOptions, CellOptionsOfColumn
from training.schema_inference.inferred_column import InferredColumn
from training.schema_inference.named_columns import NamedColumns
from training.schema_inference.strings import infer_category


@dataclass(frozen=True)
class EarlierModel:
    """The model whose schema is continued. ``name``: in messages, such as ``version 3``.

    ``descriptor``: how the cells of its training table are written.
    """

    name: str
    schema: RecordSchema
    descriptor: TableDescriptor

    def added_to(self, named: NamedColumns, columns: pd.Index[str]) -> NamedColumns:
        """What the user says about the columns, and what the model says where the user does not."""
        identifier = named.identifier
        usable = [c.name for c in self.schema.identifiers if c.name in columns]
        if not identifier and usable and usable[0] not in named.left_out:
            identifier = usable[0]
        known = {column.name: column.name for column in self.schema if column.name in columns}
        cells = named.cells.with_trained(self.descriptor, known)
        excluded = {
            name: f"was excluded from {self.name} (--schema infer starts afresh)"
            for name in self.descriptor.excluded
            if name in columns and name not in named.used
        }
        return replace(named, identifier=identifier, cells=cells, excluded_before=excluded)


def continue_schema(
    inferred: Mapping[str, InferredColumn],
    earlier: EarlierModel,
    table: pd.DataFrame,
    options: CellOptions,
) -> tuple[dict[str, InferredColumn], list[str]]:
    """Continue the earlier schema with what was inferred from a table; also says what it widened.

    Kinds, levels, bounds and optional fields stay where the table is compatible. Columns that the
    earlier model lacks are optional, so that its records are still accepted.
    """
    before = {column.name: column for column in earlier.schema}
    continued: dict[str, InferredColumn] = {}
    widened: list[str] = []
    for name in [*(name for name in before if name in inferred), *inferred]:
        if name in continued:
            continue
        found = inferred[name]
        if name not in before:
            continued[name] = _optional(found)
        elif found.column is None or found.column.kind == "identifier":
            continued[name] = found
        else:
            continued[name] = _continued(found, before[name], table[name], options.of(name))
            changes = ", ".join(_changes(continued[name].column or before[name], before[name]))
            widened += [f"{name} ({changes})"] if changes else []
    return continued, widened


def describe_continuation(earlier: EarlierModel, widened: list[str], names: list[str]) -> str:
    """What continues an earlier model, as text. ``names``: of the columns of the new schema."""
    before = [column.name for column in earlier.schema]
    new = [name for name in names if name not in before]
    gone = [name for name in before if name not in names]
    parts = [f"inherited from {earlier.name}"]
    for what, names in (("widened", widened), ("new", new), ("left out", gone)):
        if names:
            parts.append(f"{what}: {', '.join(names)}")
    return "; ".join(parts) + ". --schema infer starts afresh"


def _optional(found: InferredColumn) -> InferredColumn:
    """A new feature, which records of the earlier model lack."""
    column = found.column
    if column is None or column.kind == "identifier":
        return found
    if column.kind == "integer":  # MLflow rejects missing integers in a DataFrame
        minimum = None if column.minimum == INT64_MIN else column.minimum
        column = replace(column, kind="number", minimum=minimum, maximum=None)
    return replace(found, column=replace(column, required=False))


def _continued(
    found: InferredColumn, before: Column, cells: pd.Series[str], options: CellOptionsOfColumn
) -> InferredColumn:
    """The earlier column as far as the cells (n,) permit, otherwise the inferred one."""
    now = found.column
    assert now is not None
    if before.kind == "category" and now.kind != "category" and _is_text(cells):
        found = infer_category(before.name, cells, options)
        now = found.column or replace(before, levels=())
    kind_stays = (
        now.kind == before.kind
        or (before.kind == "number" and now.kind == "integer")
        or (before.kind == "integer" and now.kind == "number" and found.is_integral)
        or (before.kind == "boolean" and _is_text(cells) and is_boolean(cells))
    )
    if not kind_stays:
        return found
    column = replace(before, required=before.required and now.required)
    if column.kind == "category":
        column = replace(column, levels=(*column.levels, *_new_levels(now, before)))
        if not column.allows_unlisted and _has_unlisted(cells, column, found):
            column = replace(column, allows_unlisted=True)
    if column.kind in NUMERICAL:
        column = _widened(column, found)
    return replace(found, column=column)


def _is_text(cells: pd.Series[str]) -> bool:
    return isinstance(cells.dtype, pd.StringDtype)


def _has_unlisted(cells: pd.Series[str], column: Column, found: InferredColumn) -> bool:
    """Whether cells (n,) of a category have levels that are too rare to be listed."""
    texts = set(cells.dropna().drop_duplicates().astype(str).str.strip())
    return bool(texts - {*column.levels, *MISSING, *found.marks})


def _new_levels(now: Column, before: Column) -> list[str]:
    return [level for level in now.levels if level not in before.levels]


def _widened(column: Column, found: InferredColumn) -> Column:
    """The column with the bounds removed that the table's numbers exceed."""
    if found.range is None:
        return column
    low, high = found.range
    is_integer = column.kind == "integer"
    below = 0 if low >= 0 else INT64_MIN if is_integer else None
    if column.minimum is not None and low < column.minimum:
        column = replace(column, minimum=below)
    if column.exclusive_minimum is not None and low <= column.exclusive_minimum:
        column = replace(column, exclusive_minimum=None, minimum=below)
    if column.maximum is not None and high > column.maximum:
        column = replace(column, maximum=INT64_MAX if is_integer else None)
    if column.exclusive_maximum is not None and high >= column.exclusive_maximum:
        column = replace(column, exclusive_maximum=None)
    return column


def _changes(now: Column, before: Column) -> Iterator[str]:
    """How a column differs from the earlier one, in words."""
    if now.kind != before.kind:
        yield f"{before.kind} is now {now.kind}"
        return
    if before.required and not now.required:
        yield "may be missing"
    if levels := _new_levels(now, before):
        yield f"new level{'s' if len(levels) > 1 else ''} {', '.join(map(repr, levels))}"
    if now.allows_unlisted and not before.allows_unlisted:
        yield "other levels"
    bounds = ("minimum", "exclusive_minimum", "maximum", "exclusive_maximum")
    changed = [name for name in bounds if getattr(now, name) != getattr(before, name)]
    if any("min" in name for name in changed):
        yield "smaller values"
    if any("max" in name for name in changed):
        yield "larger values"
