"""A dataset descriptor (TOML): a table's layout, and who has churned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from churn_model.descriptor import STRICT, Layout, load
from churn_model.errors import TableError
from churn_model.schema import RecordSchema


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


class Dataset(Layout):
    """A table of customers: its columns, its target, how it is written."""

    model_config = STRICT

    name: str
    description: str = ""
    source: str = ""
    period: str = ""
    target: Target


def load_dataset(path: str | Path, schema: RecordSchema) -> Dataset:
    """Read a descriptor. Raises TableError with one line that says what to correct."""
    dataset = load(path, Dataset, schema)
    target = dataset.target
    both = set(target.churned) & set(target.kept)
    both |= set(target.unlabelled) & {*target.churned, *target.kept}
    if both:
        raise TableError(f"{path}: [target] lists {sorted(both)} with two meanings")
    return dataset
