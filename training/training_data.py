"""Reads the labelled customers that the options describe, and the schema of their records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from churn_model.errors import TrainingError
from churn_model.progress import in_progress
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.suggestions import plain_name
from churn_model.tables.column_names import require_column
from churn_model.tables.descriptor import TableDescriptor
from churn_model.tables.missing_values import MISSING
from churn_model.tables.observations import ObservationOptions
from churn_model.tables.target import parse_target
from training.data.cell_options import CellOptions
from training.data.dataset import Dataset, load_dataset, match
from training.data.found_cells import find_cells
from training.data.protected_attributes import protected_attributes
from training.data.raw_table import RawTable
from training.data.schema_source import load_schema, with_monotone
from training.data.table import Table, simulated_table
from training.open_table import open_table, with_identifier
from training.options import INFER, ColumnOptions, ModelOptions, TableOptions
from training.schema_inference.inheritance import EarlierModel
from training.schema_inference.named_columns import NamedColumns
from training.schema_inference.proposal import Proposal, propose


@dataclass(frozen=True)
class TrainingData:
    """Labelled customers and the schema of their records.

    ``assumed``: what was inferred from the table, as text; empty if nothing was. ``hint``: what the
    user should consider about a declared schema; empty if there is nothing.
    """

    schema: RecordSchema
    table: Table
    assumed: str = ""
    hint: str = ""


def read_training_data(
    options: TableOptions, earlier: Callable[[], EarlierModel | None] = lambda: None
) -> TrainingData:
    """Read the table and its schema, which is inferred if there is a target and no ``--schema``.

    ``earlier``: reads the model whose schema an inferred one continues. Raises ChurnError.
    """
    if options.data is not None and options.target and options.schema in ("", INFER):
        model = None if options.schema == INFER else earlier()
        return _infer_training_data(options, options.data, model)
    schema = _with_options(load_schema(options.schema), options)
    if options.dataset is None:
        schema = _without_excluded(schema, options)
    table = read_labelled_table(options, schema)
    assumed = "" if options.dataset else _renamed_columns(table)
    return TrainingData(schema, table, assumed, _protected_hint(schema, table))


def _infer_training_data(
    options: TableOptions, path: Path | str, earlier: EarlierModel | None
) -> TrainingData:
    table, proposal = propose_for(path, options, earlier)
    schema = _with_options(proposal.schema, options)
    with in_progress(f"checking {table.rows:,} rows"):
        checked = table.check(proposal.dataset, schema, **_check_options(options))
        checked = replace(checked, notes=_unused_missing(table, _cells(options)))
    return TrainingData(schema, _with_prior(checked, options), proposal.summary())


def propose_for(
    path: Path | str, options: ColumnOptions, earlier: EarlierModel | None = None
) -> tuple[RawTable, Proposal]:
    """Read a table, or its overview if it is larger than memory, and propose its schema.

    Raises TableError or SchemaError.
    """
    named = named_columns(options)
    table = _open_named(path, options, named, None if earlier is None else earlier.schema)
    proposal = _propose(table, named, earlier)
    identifiers = proposal.schema.identifiers
    by_identifier = with_identifier(table, identifiers[0].name if identifiers else "")
    if by_identifier is not table:  # its rows must be those of whole customers
        table, proposal = by_identifier, _propose(by_identifier, named, earlier)
    return table, proposal


def _open_named(
    path: Path | str, options: ColumnOptions, named: NamedColumns, schema: RecordSchema | None
) -> RawTable:
    """Open a table without a descriptor. ``schema``: names its likely identifiers, if it is known.

    Raises TableError.
    """
    column, wanted = parse_target(named.target)
    known = [] if schema is None else [each.name for each in schema.identifiers]
    with in_progress(f"reading {path}"):
        return open_table(
            path,
            options,
            target=wanted,
            target_column=column,
            observation=named.observation,
            identifier=named.identifier,
            likely_identifiers=known,
            left_out=[column, *named.left_out],
        )


def _propose(table: RawTable, named: NamedColumns, earlier: EarlierModel | None) -> Proposal:
    rows = f"{len(table.raw):,} of {table.rows:,} rows"
    with in_progress(f"inferring the schema of {rows}"):
        target = table.target(named.target)
        proposal = propose(table.raw, table.csv, table.name, named, earlier, target)
    if len(table.raw) == table.rows:
        return proposal
    return replace(proposal, target=table.describe_target(target), inferred_from=rows)


def read_labelled_table(
    options: TableOptions, schema: RecordSchema, trained: TableDescriptor | None = None
) -> Table:
    """Read labelled customers of a known schema. Raises TableError or TrainingError.

    ``trained``: how the cells of a model's training table are written; they are read in the same
    way here, unless the options say otherwise.
    """
    if options.data is None:
        if schema != CUSTOMER_SCHEMA:
            raise TrainingError(
                "simulated customers have only the fields of CustomerRecord, and the model has "
                "others; name a table with --data"
            )
        day = options.as_of if isinstance(options.as_of, date) else None
        return simulated_table(options.rows, options.seed, day)
    checks, cells = _check_options(options), _cells(options)
    if options.dataset is not None:
        dataset = load_dataset(options.dataset, schema)
        dataset = cells.added_to(dataset.with_cells_of(trained) if trained else dataset)
        table = _described_table(options.data, dataset, schema, options)
        with in_progress(f"checking {options.data}"):
            checked = table.check(dataset.model_copy(update={"csv": table.csv}), schema, **checks)
    else:
        table = _named_table(options.data, schema, options)
        with in_progress(f"checking {options.data}"):
            checked = _check_matched(table, schema, named_columns(options), trained, checks)
    return _with_prior(checked, options)


def _described_table(
    path: str | Path, dataset: Dataset, schema: RecordSchema, options: TableOptions
) -> RawTable:
    """The table of a descriptor."""
    names = [dataset.columns.get(each.name, "") for each in schema.identifiers]
    with in_progress(f"reading {path}"):
        return open_table(
            path,
            options,
            target=dataset.target.churned,
            target_column=dataset.target.column.strip(),
            observation=_observation(options),
            likely_identifiers=[name.strip() for name in names if name],
            csv=dataset.csv,
        )


def _named_table(path: str | Path, schema: RecordSchema, options: TableOptions) -> RawTable:
    """A table whose columns have the names of the schema's fields, or similar names."""
    named = named_columns(options)
    table = _open_named(path, options, named, schema)
    for flag, name in named.flags:
        if flag != "--exclude":  # an excluded column may be missing
            require_column(name, table.raw.columns, flag, table.path)
    columns = match(_usable(table, named), schema, named.identifier, path=path)
    found = [columns[each.name] for each in schema.identifiers if each.name in columns]
    return with_identifier(table, found[0] if found else "")


def _usable(table: RawTable, named: NamedColumns) -> list[str]:
    return [name for name in table.raw if name not in named.left_out]


def _check_matched(
    table: RawTable,
    schema: RecordSchema,
    named: NamedColumns,
    trained: TableDescriptor | None,
    checks: dict[str, Any],
) -> Table:
    """Check a table whose columns have the names of the schema's fields, or similar names.

    ``trained``: how the cells of a model's training table are written; None if there is no model.
    ``checks``: keyword arguments of ``check_table``. Raises TableError.
    """
    columns = match(_usable(table, named), schema, named.identifier, path=table.path)
    cells = named.cells if trained is None else named.cells.with_trained(trained, columns)
    found = find_cells(table.raw, columns, schema, table.csv, cells)
    dataset = Dataset(
        name=table.name,
        columns=columns,
        missing=list(MISSING if trained is None else trained.missing),
        missing_in=dict(found.missing_in),
        formats=dict(found.formats),
        csv=table.csv,
        target=table.target(named.target),
    )
    dataset = cells.added_to(dataset)
    checked = table.check(dataset, schema, **checks)
    return replace(checked, notes=(*found.notes, *_unused_missing(table, named.cells)))


def _unused_missing(table: RawTable, cells: CellOptions) -> tuple[str, ...]:
    """A note for each value of ``--missing`` that no cell has; none if not all rows are at hand."""
    return cells.unused_missing(table.raw) if len(table.raw) == table.rows else ()


def named_columns(options: ColumnOptions) -> NamedColumns:
    """What the user says about a table's columns."""
    weight = split_by = ""
    audit: list[str] = []
    if isinstance(options, TableOptions):
        weight, split_by = options.weight.strip(), options.split_by.strip()
        audit = _stripped(options.audit)
    keep = options.accepted if isinstance(options, ModelOptions) else {}
    return NamedColumns(
        target=options.target,
        identifier=options.id,
        exclude=_stripped(options.exclude),
        audit=audit,
        observation=_observation(options),
        cells=_cells(options),
        keep=[*keep],
        weight=weight,
        split_by=split_by,
    )


def _stripped(names: Sequence[str]) -> list[str]:
    return [name.strip() for name in names]


def _with_options(schema: RecordSchema, options: TableOptions) -> RecordSchema:
    """The schema with ``--monotone`` and ``--unseen``. Raises SchemaError or TrainingError."""
    if options.monotone:
        schema = with_monotone(schema, options.monotone)
    return schema.with_unlisted(options.unseen == "unknown") if options.unseen else schema


def _without_excluded(schema: RecordSchema, options: TableOptions) -> RecordSchema:
    """The schema without the features whose columns are not to be features.

    As elsewhere, a field with exactly the name of a column goes before those with a similar one.
    """
    names = {column.name for column in schema}
    excluded = set(_stripped((*options.exclude, *options.audit)))
    similar = {plain_name(name) for name in excluded - names}
    return schema.without(n for n in names if n in excluded or plain_name(n) in similar)


def _with_prior(table: Table, options: TableOptions) -> Table:
    return table if options.prior is None else table.at_prior(options.prior)


def _check_options(options: TableOptions) -> dict[str, Any]:
    """The arguments of ``check_table`` that are options."""
    return {
        "max_rejected": options.max_rejected,
        "weight": options.weight,
        "split_by": options.split_by,
        "split_format": _cells(options).of(options.split_by.strip()).format,
        "audit": _stripped(options.audit),
        "observation": _observation(options),
    }


def _observation(options: ColumnOptions) -> ObservationOptions:
    given = ObservationOptions(options.as_of, options.window, options.known_until)
    return replace(given, date_format=_cells(options).of(given.column).format)


def _cells(options: ColumnOptions) -> CellOptions:
    return CellOptions.parse(options.missing, options.format)


def _renamed_columns(table: Table) -> str:
    """Which columns were matched to fields with another name."""
    columns = table.dataset.columns if table.dataset is not None else {}
    renamed = [f"{field} is {name!r}" for field, name in columns.items() if field != name]
    return f"columns: {', '.join(renamed)}" if renamed else ""


def _protected_hint(schema: RecordSchema, table: Table) -> str:
    """Which features of a declared schema look protected by law; of real customers only."""
    if table.source is None:
        return ""
    protected = protected_attributes(column.name for column in schema.features)
    if not protected:
        return ""
    named = ", ".join(f"{name} ({attribute})" for name, attribute in protected.items())
    return (
        f"features that look like attributes protected by law: {named}. Remove them from the "
        "schema unless you are allowed to use them"
    )
