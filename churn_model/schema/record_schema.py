"""``RecordSchema``, from which validation, signature, API and training derive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from churn_model.errors import InvalidJson, SchemaError
from churn_model.json_text import read_object
from churn_model.schema.column import OUTPUT_COLUMNS, Column
from churn_model.schema.json_schema import read_property, write_property
from churn_model.schema.pydantic_class import document_of, row_class

_ORDER = "propertyOrdering"  # MLflow's YAML sorts the properties, so their order is listed


@dataclass(frozen=True)
class RecordSchema:
    """The columns of a record, in order.

    A registered model carries its schema as a JSON Schema file, so it never needs the class that
    the record was declared with: ``from_json_schema`` is the inverse of ``to_json_schema``.
    """

    title: str
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        if not self.features:
            raise SchemaError(
                f"{self.title}: no field can be a feature; add a numerical or a Literal field"
            )
        for column in self.columns:
            if column.name in OUTPUT_COLUMNS:
                raise SchemaError(
                    f"{self.title}: field {column.name!r} has the name of an output column; "
                    "rename it"
                )

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the cached ``row_model``, which pickle would look up by name."""
        return {"title": self.title, "columns": self.columns}

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that a score may depend on."""
        return tuple(c for c in self.columns if c.kind != "identifier")

    @property
    def dates(self) -> tuple[Column, ...]:
        """The columns that are scored by their age on the day of scoring."""
        return tuple(c for c in self.columns if c.kind == "date")

    @property
    def identifiers(self) -> tuple[Column, ...]:
        """The columns that are returned unchanged and never scored."""
        return tuple(c for c in self.columns if c.kind == "identifier")

    def with_ages(self, unit: str = "days ago") -> RecordSchema:
        """A copy in which each date is an integer number of days, as in a scorecard."""
        columns = (replace(c, kind="integer", unit=unit) if c.kind == "date" else c for c in self)
        return replace(self, columns=tuple(columns))

    def without(self, names: Iterable[str]) -> RecordSchema:
        """A copy without these features."""
        left_out = set(names)
        columns = (c for c in self if c.kind == "identifier" or c.name not in left_out)
        return replace(self, columns=tuple(columns))

    def with_unlisted(self, allowed: bool) -> RecordSchema:
        """A copy whose categories all accept unlisted levels, or all reject them."""
        columns = (replace(c, allows_unlisted=allowed) if c.kind == "category" else c for c in self)
        return replace(self, columns=tuple(columns))

    @classmethod
    def from_model(cls, model: type[BaseModel]) -> RecordSchema:
        """Read a pydantic class.

        Raises SchemaError for anything that is not supported: custom validators, nested models,
        unions, patterns, and defaults other than None.
        """
        return cls.from_json_schema(document_of(model))

    @classmethod
    def from_json_schema(cls, document: Mapping[str, Any]) -> RecordSchema:
        """Read a record's JSON Schema, an object with properties. Raises SchemaError."""
        title = str(document.get("title", "record"))
        properties = document.get("properties")
        if (
            document.get("type") != "object"
            or not isinstance(properties, Mapping)
            or not all(isinstance(spec, Mapping) for spec in properties.values())
        ):
            raise SchemaError(
                f"{title}: the JSON Schema of a record must be an object with properties"
            )
        required = set(document.get("required", ()))
        names = list(document.get(_ORDER, properties))
        mismatched = {*required, *names} ^ set(properties)
        if mismatched:
            raise SchemaError(
                f"{title}: properties, required and {_ORDER} list different fields: "
                f"{sorted(mismatched)}"
            )
        definitions = document.get("$defs", {})
        columns = (
            read_property(str(name), properties[name], name in required, definitions)
            for name in names
        )
        return cls(title, tuple(columns))

    @classmethod
    def from_file(cls, path: str | Path) -> RecordSchema:
        """Read a JSON Schema file. Raises SchemaError."""
        try:
            document = read_object(path)
        except InvalidJson as error:
            raise SchemaError(str(error)) from None
        return cls.from_json_schema(document)

    def to_json_schema(self) -> dict[str, Any]:
        """The record's JSON Schema, as ``from_json_schema`` reads it."""
        return {
            "title": self.title,
            "type": "object",
            "properties": {c.name: write_property(c) for c in self.columns},
            _ORDER: [c.name for c in self.columns],
            "required": [c.name for c in self.columns if c.required],
        }

    @cached_property
    def row_model(self) -> type[BaseModel]:
        """A strict pydantic class of one record; it accepts what the column checks accept."""
        return row_class(self.title, self.columns)
