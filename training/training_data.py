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
from churn_model.tables.csv_format import detect_csv_format
from churn_model.tables.descriptor import TableDescriptor
from churn_model.tables.files import read_file
from churn_model.tables.missing_values import MISSING
from churn_model.tables.observations import ObservationOptions
from churn_model.tables.target import read_target
from training.data.cell_options import CellOptions
from training.data.dataset import Dataset, load_dataset, match
from training.data.found_cells import find_cells
from training.data.protected_attributes import protected_attributes
from training.data.schema_source import load_schema, with_monotone
from training.data.table import Table, simulated_table
from training.data.table_reader import check_table, read_table
from training.options import INFER, ColumnOptions, ModelOptions, TableOptions
from training.schema_inference.inheritance import EarlierModel
from training.schema_inference.named_columns import NamedColumns
from training.schema_inference.proposal import propose


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
    options: TableOptions, path: Path, earlier: EarlierModel | None
) -> TrainingData:
    with in_progress(f"reading {path}"):
        csv = detect_csv_format(path)
        raw = read_file(path, csv)
    with in_progress(f"inferring the schema of {len(raw):,} rows"):
        proposal = propose(raw, csv, path.stem, named_columns(options), earlier)
    schema = _with_options(proposal.schema, options)
    with in_progress(f"checking {len(raw):,} rows"):
        table = check_table(raw, path, proposal.dataset, schema, **_check_options(options))
        table = replace(table, notes=_cells(options).unused_missing(raw))
    return TrainingData(schema, _with_prior(table, options), proposal.summary())


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
    with in_progress(f"reading and checking {options.data}"):
        if options.dataset is not None:
            dataset = load_dataset(options.dataset, schema)
            dataset = cells.added_to(dataset.with_cells_of(trained) if trained else dataset)
            table = read_table(options.data, dataset, schema, **checks)
        else:
            named = named_columns(options)
            table = matched_table(options.data, schema, named, trained=trained, **checks)
    return _with_prior(table, options)


def matched_table(
    path: str | Path,
    schema: RecordSchema,
    named: NamedColumns,
    max_rejected: float = 0.05,
    trained: TableDescriptor | None = None,
    **options: Any,
) -> Table:
    """Read a table whose columns have the names of the schema's fields, or similar names.

    ``trained``: how the cells of a model's training table are written; None if there is no model.
    ``options``: keyword arguments of ``check_table``. Raises TableError.
    """
    csv = detect_csv_format(path)
    raw = read_file(path, csv)
    for flag, name in named.flags:
        if flag != "--exclude":  # an excluded column may be missing
            require_column(name, raw.columns, flag, path)
    usable = [name for name in raw if name not in named.left_out]
    columns = match(usable, schema, named.identifier, path=path)
    cells = named.cells if trained is None else named.cells.with_trained(trained, columns)
    found = find_cells(raw, columns, schema, csv, cells)
    dataset = Dataset(
        name=Path(path).stem,
        columns=columns,
        missing=list(MISSING if trained is None else trained.missing),
        missing_in=dict(found.missing_in),
        formats=dict(found.formats),
        csv=csv,
        target=read_target(raw, named.target),
    )
    dataset = cells.added_to(dataset)
    table = check_table(raw, path, dataset, schema, max_rejected, **options)
    return replace(table, notes=(*found.notes, *named.cells.unused_missing(raw)))


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
