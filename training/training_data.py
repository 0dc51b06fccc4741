"""Reads the labelled customers that the options describe, and the schema of their records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churn_model.errors import TrainingError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from training.data.dataset import Dataset, load_dataset, match
from training.data.files import detect_csv_format, read_file
from training.data.schema_source import load_schema
from training.data.table import Table, built_in_table, check_table, read_table
from training.data.target import read_target
from training.options import ColumnOptions, TableOptions
from training.schema_inference.kinds import MISSING, marks_of
from training.schema_inference.proposal import ColumnRoles, propose


@dataclass(frozen=True)
class TrainingData:
    """Customers and their schema. ``assumed``: what was inferred, as text; empty for nothing."""

    schema: RecordSchema
    table: Table
    assumed: str = ""


def read_training_data(options: TableOptions) -> TrainingData:
    """The table and its schema, which is declared, matched by name or inferred.

    Raises ChurnError.
    """
    if options.data is None or options.schema or not options.target:
        schema = _with_options(load_schema(options.schema), options)
        table = read_labelled_table(options, schema)
        return TrainingData(schema, table, "" if options.dataset else _renamed_columns(table))
    csv = detect_csv_format(options.data)
    raw = read_file(options.data, csv)
    proposal = propose(raw, csv, options.data.stem, column_roles(options))
    schema = _with_options(proposal.schema, options)
    table = check_table(raw, options.data, proposal.dataset, schema, **_check_options(options))
    return TrainingData(schema, _with_prior(table, options), proposal.summary())


def read_labelled_table(options: TableOptions, schema: RecordSchema) -> Table:
    """The labelled customers of a known schema. Raises TableError or TrainingError."""
    if options.data is None:
        if schema != CUSTOMER_SCHEMA:
            raise TrainingError(
                "simulated customers have only the fields of CustomerRecord, and the model has "
                "others; name a table with --data"
            )
        return built_in_table(options.rows, options.seed, options.as_of)
    if options.dataset is not None:
        dataset = load_dataset(options.dataset, schema)
        table = read_table(options.data, dataset, schema, **_check_options(options))
    else:
        description = column_roles(options)
        table = matched_table(options.data, schema, description, **_check_options(options))
    return _with_prior(table, options)


def matched_table(
    path: str | Path,
    schema: RecordSchema,
    asked: ColumnRoles,
    max_rejected: float = 0.05,
    **how: Any,
) -> Table:
    """A table whose column names equal a schema's field names, or nearly so.

    ``how``: further arguments of ``check_table``. Raises TableError.
    """
    csv = detect_csv_format(path)
    raw = read_file(path, csv)
    columns = match(
        [name for name in raw if name not in asked.exclude], schema, asked.identifier, path=path
    )
    numbers = [c.name for c in schema if c.kind in ("integer", "number") and c.name in columns]
    marks = set[str]().union(*(marks_of(raw[columns[name]]) for name in numbers))
    dataset = Dataset(
        name=Path(path).stem,
        columns=columns,
        missing=[*MISSING, *sorted(marks)],
        csv=csv,
        target=read_target(raw, asked.target),
    )
    return check_table(raw, path, dataset, schema, max_rejected, **how)


def column_roles(options: ColumnOptions) -> ColumnRoles:
    """What the user says about a table's columns."""
    exclude = {name.strip(): "was excluded" for name in options.exclude}
    if isinstance(options, TableOptions):
        for flag, name in (("--weight", options.weight), ("--split-by", options.split_by)):
            if name.strip():
                exclude[name.strip()] = f"is {flag}"
    return ColumnRoles(options.target, options.id, exclude, options.as_of)


def _with_options(schema: RecordSchema, options: TableOptions) -> RecordSchema:
    """The schema with the user's monotone directions and treatment of unlisted levels."""
    directions = {}
    for text in options.monotone:
        name, _, direction = text.rpartition("=")
        directions[name or text] = direction if name else ""
    if directions:
        schema = schema.with_monotone(directions)
    return schema.with_unlisted(options.unseen) if options.unseen else schema


def _with_prior(table: Table, options: TableOptions) -> Table:
    return table if options.prior is None else table.at_prior(options.prior)


def _check_options(options: TableOptions) -> dict[str, Any]:
    """The arguments of ``check_table`` that the user chooses."""
    return {
        "max_rejected": options.max_rejected,
        "weight": options.weight,
        "split_by": options.split_by,
        "as_of": options.as_of,
    }


def _renamed_columns(table: Table) -> str:
    """Which columns were matched to fields with another name."""
    columns = table.dataset.columns if table.dataset is not None else {}
    renamed = [f"{field} is {name!r}" for field, name in columns.items() if field != name]
    return f"columns: {', '.join(renamed)}" if renamed else ""
