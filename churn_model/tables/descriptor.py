"""A table's descriptor (TOML): which column is which field, and how its files are written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from churn_model.errors import TableError
from churn_model.schema import RecordSchema
from churn_model.suggestions import did_you_mean
from churn_model.toml_file import read_toml

STRICT = ConfigDict(strict=True, frozen=True, extra="forbid")


class CsvFormat(BaseModel):
    """How a CSV file is written."""

    model_config = STRICT

    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Annotated[str, Field(min_length=1, max_length=1)] = "."
    encoding: str = "utf-8-sig"  # reads plain UTF-8 and skips a byte-order mark


class TableDescriptor(BaseModel):
    """Where a table keeps the schema's fields; what else its descriptor says is of no concern."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    columns: dict[str, str]
    missing: list[str] = ["", "NA", "N/A", "NaN", "null", "NULL"]
    csv: CsvFormat = CsvFormat()

    @classmethod
    def plain(cls, schema: RecordSchema) -> TableDescriptor:
        """A table whose columns are named as the fields are."""
        return cls(columns={column.name: column.name for column in schema})


L = TypeVar("L", bound=TableDescriptor)


def load_descriptor(path: str | Path, kind: type[L], schema: RecordSchema) -> L:
    """Read a descriptor. Raises TableError with one line that says what to correct."""
    descriptor = read_toml(path, kind)
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
                f"{path}: [columns] names no column for the required field {column.name!r}"
            )
