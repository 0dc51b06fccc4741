"""The columns of a record: what validation, signature, API and training derive from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from churn_model.errors import SchemaError
from churn_model.schema.column import OUTPUT_COLUMNS, Column, read_hints
from churn_model.schema.json_schema import read_property, write_property
from churn_model.schema.pydantic_class import document_of, row_class

_ORDER = "propertyOrdering"  # of the columns; MLflow's YAML sorts the properties themselves


@dataclass(frozen=True)
class RecordSchema:
    """The columns of a record, in order.

    Everything that must know a record's fields gets them here. ``RecordSchema.from_json_schema``
    and ``to_json_schema`` are inverse to each other, so that a registered model carries its schema
    as a file and never needs the class that it was declared with.
    """

    title: str
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        if not self.features:
            raise SchemaError(f"{self.title}: no field can be a feature; add a number or a Literal")
        for column in self.columns:
            if column.name in OUTPUT_COLUMNS:
                raise SchemaError(
                    f"{self.title}: field {column.name!r} has the name of a scored table's own "
                    "column; rename it"
                )

    def __getstate__(self) -> dict[str, Any]:
        """All but the class made from it, which pickle would look for by name."""
        return {"title": self.title, "columns": self.columns}

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that a score may depend on."""
        return tuple(c for c in self.columns if c.kind != "identifier")

    @property
    def dates(self) -> tuple[Column, ...]:
        """The columns that are scored by their age, for which a score needs to know its day."""
        return tuple(c for c in self.columns if c.kind == "date")

    @property
    def identifiers(self) -> tuple[Column, ...]:
        """The columns that are carried through and never scored."""
        return tuple(c for c in self.columns if c.kind == "identifier")

    def with_monotone(self, directions: Mapping[str, str]) -> RecordSchema:
        """The schema with each named field's risk ``increasing`` or ``decreasing``."""
        named = {column.name: column for column in self.columns}
        for name, direction in directions.items():
            if name not in named:
                raise SchemaError(f"{name}: is no field; fields are {list(named)}")
            hint = read_hints(name, named[name].kind, {"monotone": direction or "nothing"})
            named[name] = replace(named[name], monotone=hint["monotone"])
        return replace(self, columns=tuple(named.values()))

    def with_ages(self, unit: str = "days ago") -> RecordSchema:
        """The schema with a whole number of days in place of each date, as scorecards see it."""
        columns = (replace(c, kind="integer", unit=unit) if c.kind == "date" else c for c in self)
        return replace(self, columns=tuple(columns))

    def with_unlisted(self, unseen: str) -> RecordSchema:
        """The schema with its categories open (``"unknown"``) or closed (``"refuse"``)."""
        if unseen not in ("refuse", "unknown"):
            raise SchemaError("an unseen category is a reason to 'refuse', or it is 'unknown'")
        columns = (
            replace(c, allows_unlisted=unseen == "unknown") if c.kind == "category" else c
            for c in self
        )
        return replace(self, columns=tuple(columns))

    @classmethod
    def from_model(cls, model: type[BaseModel]) -> RecordSchema:
        """Read a pydantic class.

        Raises SchemaError for whatever has no column check: custom validators, nested models,
        unions, patterns, defaults other than None.
        """
        return cls.from_json_schema(document_of(model))

    @classmethod
    def from_json_schema(cls, document: Mapping[str, Any]) -> RecordSchema:
        """Read the JSON Schema of one record (an object with properties)."""
        title = str(document.get("title", "record"))
        properties = document.get("properties")
        if (
            document.get("type") != "object"
            or not isinstance(properties, Mapping)
            or not all(isinstance(spec, Mapping) for spec in properties.values())
        ):
            raise SchemaError(f"{title}: a record's JSON Schema is an object with properties")
        required = set(document.get("required", ()))
        names = list(document.get(_ORDER, properties))
        unknown = {*required, *names} ^ set(properties)
        if unknown:
            raise SchemaError(f"{title}: its parts do not list the same fields: {sorted(unknown)}")
        definitions = document.get("$defs", {})
        columns = (
            read_property(str(name), properties[name], name in required, definitions)
            for name in names
        )
        return cls(title, tuple(columns))

    def to_json_schema(self) -> dict[str, Any]:
        """The JSON Schema of one record, as ``from_json_schema`` reads it."""
        return {
            "title": self.title,
            "type": "object",
            "properties": {c.name: write_property(c) for c in self.columns},
            _ORDER: [c.name for c in self.columns],
            "required": [c.name for c in self.columns if c.required],
        }

    @cached_property
    def row_model(self) -> type[BaseModel]:
        """A strict pydantic class for one record; accepts what the column checks accept."""
        return row_class(self.title, self.columns)
