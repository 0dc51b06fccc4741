"""A dataset descriptor (TOML): a table's layout, and which customers churned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tomli_w

from churn_model.errors import TableError
from churn_model.schema import RecordSchema
from churn_model.suggestions import plain_name
from churn_model.tables.column_names import suggest
from churn_model.tables.descriptor import STRICT, TableDescriptor, load_descriptor
from churn_model.tables.target import Target


class Dataset(TableDescriptor):
    """A table of labelled customers: its columns, its target, how its file is written."""

    model_config = STRICT

    name: str
    description: str = ""
    source: str = ""
    period: str = ""
    target: Target

    def to_toml(self) -> str:
        """The descriptor as TOML, for ``--dataset`` and for ``--columns`` of batch scoring."""
        return tomli_w.dumps(self.model_dump(exclude_defaults=True))


def load_dataset(path: str | Path, schema: RecordSchema) -> Dataset:
    """Read a descriptor. Raises TableError with one line that says what to correct."""
    dataset = load_descriptor(path, Dataset, schema)
    target = dataset.target
    ambiguous = set(target.churned) & set(target.kept)
    ambiguous |= set(target.unlabelled) & {*target.churned, *target.kept}
    if ambiguous:
        raise TableError(f"{path}: [target] lists {sorted(ambiguous)} with two meanings")
    return dataset


def match(
    columns: Sequence[str], schema: RecordSchema, identifier: str, *, path: str | Path = ""
) -> dict[str, str]:
    """Match a table's columns to a schema's fields by name; returns field -> column.

    A name that differs only in case, blanks and punctuation matches too: ``Monthly Charge`` is
    ``monthly_charge``. ``identifier``: the column of the schema's only identifier; empty to match
    it by name. Raises TableError for a required field without a column.
    """
    by_plain_name: dict[str, list[str]] = {}
    for name in columns:
        by_plain_name.setdefault(plain_name(name), []).append(name)
    matches: dict[str, str] = {}
    if identifier and len(schema.identifiers) == 1:
        matches[schema.identifiers[0].name] = identifier
    for field in schema:
        similar = by_plain_name.get(plain_name(field.name), [])
        if field.name in columns:
            matches.setdefault(field.name, field.name)
        elif len(similar) == 1:
            matches.setdefault(field.name, similar[0])
        elif field.required and field.name not in matches:
            raise TableError(
                f"{path}: no column matches the required field {field.name!r}."
                f"{suggest(field.name, columns)}. Describe the columns in a --dataset FILE.toml"
            )
    return matches
