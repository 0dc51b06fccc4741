"""A dataset descriptor (TOML): a table's layout, and who has churned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tomli_w
from pydantic import BaseModel, BeforeValidator, Field

from churn_model.errors import TableError
from churn_model.schema import RecordSchema
from churn_model.suggestions import plain_name
from churn_model.tables.descriptor import STRICT, TableDescriptor, load_descriptor


def _text(value: Any) -> Any:
    """Labels may be written as numbers: a table's cells are compared as text."""
    return str(value) if isinstance(value, int | float) else value


Label = Annotated[str, BeforeValidator(_text)]


class Target(BaseModel):
    """The column that says who churned, and what its values mean."""

    model_config = STRICT

    column: str
    churned: Annotated[list[Label], Field(min_length=1)]
    kept: Annotated[list[Label], Field(min_length=1)]
    unlabelled: list[Label] = []


class Dataset(TableDescriptor):
    """A table of customers: its columns, its target, how it is written."""

    model_config = STRICT

    name: str
    description: str = ""
    source: str = ""
    period: str = ""
    target: Target

    def to_toml(self) -> str:
        """The descriptor as a file, for ``--dataset`` and for ``--columns`` of batch scoring."""
        return tomli_w.dumps(self.model_dump(exclude_defaults=True))


def load_dataset(path: str | Path, schema: RecordSchema) -> Dataset:
    """Read a descriptor. Raises TableError with one line that says what to correct."""
    dataset = load_descriptor(path, Dataset, schema)
    target = dataset.target
    both = set(target.churned) & set(target.kept)
    both |= set(target.unlabelled) & {*target.churned, *target.kept}
    if both:
        raise TableError(f"{path}: [target] lists {sorted(both)} with two meanings")
    return dataset


def match(
    columns: Sequence[str], schema: RecordSchema, identifier: str, *, path: str | Path = ""
) -> dict[str, str]:
    """Which of a table's columns is which field: field -> column.

    By name, else by name but for case, blanks and punctuation (``Monthly Charge`` is
    ``monthly_charge``). ``identifier``: the column of the only identifier, where its name is
    another one; or empty. Raises TableError for a required field without a column.
    """
    alike: dict[str, list[str]] = {}
    for name in columns:
        alike.setdefault(plain_name(name), []).append(name)
    found: dict[str, str] = {}
    if identifier and len(schema.identifiers) == 1:
        found[schema.identifiers[0].name] = identifier
    for column in schema:
        near = alike.get(plain_name(column.name), [])
        if column.name in columns:
            found.setdefault(column.name, column.name)
        elif len(near) == 1:
            found.setdefault(column.name, near[0])
        elif column.required and column.name not in found:
            listed = ", ".join(map(repr, columns[:50]))
            raise TableError(
                f"{path}: no column has the name of the field {column.name!r}; its columns are "
                f"{listed}; say which is which with --dataset"
            )
    return found
