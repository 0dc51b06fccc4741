"""The command line's answer to: which customers, and what is a customer?"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churn_model.errors import TrainingError
from churn_model.schema import RecordSchema
from training.data.dataset import Dataset, load_dataset, match
from training.data.files import layout_of, read_file
from training.data.schema_source import load_schema
from training.data.table import Table, built_in_table, check_table, read_table
from training.data.target import read_target
from training.schema_inference.kinds import MISSING, marks_of
from training.schema_inference.proposal import Question, propose


@dataclass(frozen=True)
class TrainingData:
    """What to train on. ``assumed``: what was inferred, in words; empty where nothing was."""

    schema: RecordSchema
    table: Table
    assumed: str = ""


def question_of(options: argparse.Namespace) -> Question:
    """What the user says of a table that is to be described."""
    exclude = {name.strip(): "was excluded" for name in options.exclude if name}
    for flag in ("weight", "split_by"):
        if name := getattr(options, flag, "").strip():
            exclude[name] = f"is --{flag.replace('_', '-')}"
    target = [text for text in options.target if text]
    return Question(target, options.id.strip(), exclude, options.as_of)


def read_training_data(options: argparse.Namespace) -> TrainingData:
    """The table and its schema: described, matched or inferred. Raises ChurnError."""
    if options.data is None or options.schema or not any(options.target):
        schema = _as_asked(load_schema(options.schema), options)
        table = table_of(options, schema)
        return TrainingData(schema, table, _matched(table) if options.dataset is None else "")
    _refuse_two_descriptions(options)
    csv = layout_of(options.data)
    raw = read_file(options.data, csv)
    proposal = propose(raw, csv, options.data.stem, question_of(options))
    schema = _as_asked(proposal.schema, options)
    table = check_table(raw, options.data, proposal.dataset, schema, **_how(options))
    return TrainingData(schema, _at_prior(table, options), proposal.summary())


def _as_asked(schema: RecordSchema, options: argparse.Namespace) -> RecordSchema:
    """The schema with the directions and the treatment of unseen categories that the user chose."""
    directions = {}
    for text in filter(None, options.monotone):
        name, _, direction = text.rpartition("=")
        directions[name or text] = direction if name else ""
    if directions:
        schema = schema.with_monotone(directions)
    return schema.with_unlisted(options.unseen) if options.unseen else schema


def _matched(table: Table) -> str:
    """Which columns were taken for fields of another name."""
    columns = table.about.columns if table.about is not None else {}
    other = [f"{field} is {name!r}" for field, name in columns.items() if field != name]
    return f"columns: {', '.join(other)}" if other else ""


def table_of(options: argparse.Namespace, schema: RecordSchema) -> Table:
    """The labelled customers of a known schema. Raises TableError or TrainingError."""
    if options.data is None:
        if any(options.target):
            raise TrainingError("--target describes a table: name it with --data")
        for flag in ("schema", "dataset", "id", "weight", "split_by"):
            if getattr(options, flag, ""):
                name = flag.replace("_", "-")
                raise TrainingError(f"--{name} describes a table: name it with --data")
        return built_in_table(options.rows, options.seed, options.as_of)
    if any(options.target):
        _refuse_two_descriptions(options)
        table = matched_table(options.data, schema, question_of(options), **_how(options))
    elif options.dataset is not None:
        dataset = load_dataset(options.dataset, schema)
        table = read_table(options.data, dataset, schema, **_how(options))
    else:
        raise TrainingError(
            "--data needs --target COLUMN=VALUE, which says who churned, or --dataset FILE.toml; "
            "training/datasets/telco.toml is an example"
        )
    return _at_prior(table, options)


def matched_table(
    path: str | Path, schema: RecordSchema, asked: Question, max_rejected: float = 0.05, **how: Any
) -> Table:
    """A table whose columns have the names of a known schema's fields, or nearly so.

    ``how``: more of what ``check_table`` takes. Raises TableError.
    """
    csv = layout_of(path)
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


def _refuse_two_descriptions(options: argparse.Namespace) -> None:
    if options.dataset is not None:
        raise TrainingError("--dataset says who churned, and so does --target: give one of them")


def _how(options: argparse.Namespace) -> dict[str, Any]:
    """What ``check_table`` is told beside the table."""
    return {
        "max_rejected": options.max_rejected,
        "weight": getattr(options, "weight", ""),
        "split_by": getattr(options, "split_by", ""),
        "as_of": options.as_of,
    }


def _at_prior(table: Table, options: argparse.Namespace) -> Table:
    prior = getattr(options, "prior", None)
    return table if prior is None else table.at_prior(prior)
