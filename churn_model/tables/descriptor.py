"""A table's descriptor (TOML): which column holds which field, and the format of its files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from churn_model.errors import TableError
from churn_model.schema import RecordSchema
from churn_model.suggestions import did_you_mean
from churn_model.tables.date_format import DATE_FORMATS
from churn_model.tables.missing_values import MISSING
from churn_model.tables.number_format import NUMBER_FORMATS
from churn_model.toml_file import read_toml

STRICT = ConfigDict(strict=True, frozen=True, extra="forbid")


class CsvFormat(BaseModel):
    """The format of a CSV file."""

    model_config = STRICT

    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Annotated[str, Field(min_length=1, max_length=1)] = "."
    encoding: str = "utf-8-sig"  # also reads UTF-8 without a byte-order mark


def as_text(value: Any) -> Any:
    """A number or a date as a string; other values unchanged. TOML has types, cells have none."""
    is_plain = isinstance(value, int | float | date) and not isinstance(value, bool)
    return str(value) if is_plain else value


def check_format(name: str) -> str:
    """The name of a format of numbers or dates, in its own spelling. Raises ValueError."""
    for known in (name.strip(), name.strip().upper().replace("HH:MM", "hh:mm")):
        if known in NUMBER_FORMATS or known in DATE_FORMATS:
            return known
    raise ValueError(
        f"{name!r} is not a format; write the number 1234.50 as the column does, for example "
        "1.234,50 or '1234.50 %', or the parts of a date, for example DD/MM/YYYY or "
        "'YYYY-MM-DD hh:mm'"
    )


MissingValue = Annotated[str, BeforeValidator(as_text)]
FormatName = Annotated[str, AfterValidator(check_format)]
L = TypeVar("L", bound="TableDescriptor")


class TableDescriptor(BaseModel):
    """Which column of a table holds which field of the schema, and how cells are written.

    ``missing``: strings that mean a missing value in every column. ``missing_in``: more of them, by
    field; a number or a date matches by value, so ``-999`` also matches ``-999.0``, and a typed
    column. ``formats``: the format of numbers or dates by field, if it is not the usual one.
    ``excluded``: columns that the user left out of the features. Other settings are ignored.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    columns: dict[str, str]
    missing: list[str] = list(MISSING)
    missing_in: dict[str, list[MissingValue]] = {}
    formats: dict[str, FormatName] = {}
    excluded: list[str] = []
    csv: CsvFormat = CsvFormat()

    @classmethod
    def plain(cls, schema: RecordSchema) -> TableDescriptor:
        """The descriptor of a table whose columns have the names of the fields."""
        return cls(columns={column.name: column.name for column in schema})

    def cells(self) -> dict[str, Any]:
        """What versions inherit, as a document: all settings except columns and file format."""
        return self.model_dump(include={"missing", "missing_in", "formats", "excluded"})

    def with_cells_of(self: L, other: TableDescriptor) -> L:
        """The same descriptor; what it does not say about cells is as in the other one."""
        update: dict[str, Any] = {
            "missing_in": other.missing_in | self.missing_in,
            "formats": other.formats | self.formats,
        }
        if "missing" not in self.model_fields_set:
            update["missing"] = other.missing
        return self.model_copy(update=update)


def load_descriptor(path: str | Path, model: type[L], schema: RecordSchema) -> L:
    """Read a descriptor. Raises TableError, which says what to correct."""
    descriptor = read_toml(path, model)
    _check_fields(path, descriptor, schema)
    return descriptor


def _check_fields(path: str | Path, descriptor: TableDescriptor, schema: RecordSchema) -> None:
    known = [column.name for column in schema]
    _check_known(path, "columns", descriptor.columns, known)
    _check_known(path, "missing_in", descriptor.missing_in, known)
    _check_known(path, "formats", descriptor.formats, known)
    for column in schema:
        if column.required and column.name not in descriptor.columns:
            raise TableError(
                f"{path}: [columns] has no column for the required field {column.name!r}"
            )


def _check_known(path: str | Path, table: str, names: Iterable[str], known: list[str]) -> None:
    for name in names:
        if name not in known:
            raise TableError(
                f"{path}: [{table}] {name!r} is not a field.{did_you_mean(name, known)} "
                f"The fields are {', '.join(known)}"
            )
