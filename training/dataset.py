"""A dataset descriptor (TOML): which column of a table is which field, and who has churned."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from churn_model.errors import TrainingError
from churn_model.schema import RecordSchema

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_STRICT = ConfigDict(strict=True, frozen=True, extra="forbid")


def _text(value: Any) -> Any:
    """Labels may be written as numbers: a table's cells are compared as text."""
    return str(value) if isinstance(value, int | float) else value


Label = Annotated[str, BeforeValidator(_text)]


class Target(BaseModel):
    """The column that says who churned, and what its values mean."""

    model_config = _STRICT

    column: str
    churned: Annotated[list[Label], Field(min_length=1)]
    kept: Annotated[list[Label], Field(min_length=1)]
    unlabelled: list[Label] = []


class Csv(BaseModel):
    """How a CSV file is written."""

    model_config = _STRICT

    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Annotated[str, Field(min_length=1, max_length=1)] = "."
    encoding: str = "utf-8-sig"  # reads plain UTF-8 and skips a byte-order mark


class Dataset(BaseModel):
    """A table of customers: its columns, its target, how it is written."""

    model_config = _STRICT

    name: str
    description: str = ""
    source: str = ""
    columns: dict[str, str]
    target: Target
    missing: list[str] = ["", "NA", "N/A", "NaN", "null", "NULL"]
    csv: Csv = Csv()


def load_dataset(path: str | Path, schema: RecordSchema) -> Dataset:
    """Read a descriptor. Raises TrainingError with one line that says what to correct."""
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: is no TOML ({error})") from None
    try:
        dataset = Dataset.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise TrainingError(f"{path}: {place}: {first['msg']}") from None
    _check_fields(path, dataset, schema)
    return dataset


def _check_fields(path: str | Path, dataset: Dataset, schema: RecordSchema) -> None:
    known = [column.name for column in schema]
    for name in dataset.columns:
        if name not in known:
            raise TrainingError(f"{path}: [columns] {name} is no field; fields are {known}")
    for column in schema:
        if column.required and column.name not in dataset.columns:
            raise TrainingError(
                f"{path}: [columns] names no column for the required field {column.name!r}"
            )
    both = set(dataset.target.churned) & set(dataset.target.kept)
    both |= set(dataset.target.unlabelled) & {*dataset.target.churned, *dataset.target.kept}
    if both:
        raise TrainingError(f"{path}: [target] lists {sorted(both)} with two meanings")
