"""A table's descriptor (TOML): which column holds which field, and the format of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from churn_model.errors import TableError
from churn_model.schema import RecordSchema
from churn_model.suggestions import did_you_mean
from churn_model.tables.missing_values import MISSING
from churn_model.toml_file import read_toml

STRICT = ConfigDict(strict=True, frozen=True, extra="forbid")


class CsvFormat(BaseModel):
    """The format of a CSV file."""

    model_config = STRICT

    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Annotated[str, Field(min_length=1, max_length=1)] = "."
    encoding: str = "utf-8-sig"  # also reads UTF-8 without a byte-order mark


class TableDescriptor(BaseModel):
    """Which column of a table holds which field of the schema; other settings are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    columns: dict[str, str]
    missing: list[str] = list(MISSING)
    csv: CsvFormat = CsvFormat()

    @classmethod
    def plain(cls, schema: RecordSchema) -> TableDescriptor:
        """The descriptor of a table whose columns have the names of the fields."""
        return cls(columns={column.name: column.name for column in schema})


L = TypeVar("L", bound=TableDescriptor)


def load_descriptor(path: str | Path, model: type[L], schema: RecordSchema) -> L:
    """Read a descriptor. Raises TableError, which says what to correct."""
    descriptor = read_toml(path, model)
    _check_fields(path, descriptor, schema)
    return descriptor


def _check_fields(path: str | Path, descriptor: TableDescriptor, schema: RecordSchema) -> None:
    known = [column.name for column in schema]
    for name in descriptor.columns:
        if name not in known:
            raise TableError(
                f"{path}: [columns] {name!r} is not a field.{did_you_mean(name, known)} "
                f"The fields are {', '.join(known)}"
            )
    for column in schema:
        if column.required and column.name not in descriptor.columns:
            raise TableError(
                f"{path}: [columns] has no column for the required field {column.name!r}"
            )
