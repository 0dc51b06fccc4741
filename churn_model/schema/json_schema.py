"""Converts a field's JSON Schema to a column and back. Other keywords are rejected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from churn_model.errors import SchemaError
from churn_model.schema.column import (
    HINTS,
    INT64_MAX,
    INT64_MIN,
    Column,
    Kind,
    read_actionable,
    read_hints,
)

BOUNDS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
}
"""Names of the bounds: JSON Schema's -> Column's."""

UNSUPPORTED_TYPE = (
    "is not supported; use int, float, bool, str, date, or a Literal or Enum of strings"
)

_ANNOTATIONS = {"title", "description", "unit", "examples", "actionable"}
KEYWORDS: dict[Kind, set[str]] = {
    "integer": {"type", *BOUNDS},
    "number": {"type", *BOUNDS},
    "boolean": {"type"},
    "date": {"type", "format"},
    "category": {"type", "enum", "const"},
    "identifier": {"type"},
}
"""The JSON Schema keywords that a field of each kind may have, besides annotations."""

_KINDS: dict[str, Kind] = {"integer": "integer", "number": "number", "boolean": "boolean"}


def read_property(
    name: str, spec: Mapping[str, Any], required: bool, definitions: Mapping[str, Any]
) -> Column:
    """Convert a property of a record's JSON Schema to a column. Raises SchemaError."""
    inner, nullable, allows_unlisted = _alternatives(
        name, _resolved(spec, definitions), definitions
    )
    if required and nullable:
        raise SchemaError(f"{name}: may be null, so it must have the default None")
    if spec.get("default") is not None:
        raise SchemaError(
            f"{name}: an optional field must be `... | None = None`, without another default"
        )
    kind = _kind(name, inner)
    unsupported = set(inner) - KEYWORDS[kind] - _ANNOTATIONS - {*HINTS, "default"}
    if unsupported:
        raise SchemaError(
            f"{name}: {sorted(unsupported)} is not supported; use bounds or a Literal"
        )
    return Column(
        name=name,
        kind=kind,
        required=required,
        levels=_levels(name, inner),
        allows_unlisted=allows_unlisted,
        description=str(spec.get("description", "")),
        unit=str(spec.get("unit", "")),
        actionable=read_actionable(name, kind, spec),
        **(_bounds(name, kind, inner) | read_hints(name, kind, spec)),
    )


def write_property(column: Column) -> dict[str, Any]:
    """Convert a column to a property of JSON Schema, the inverse of ``read_property``."""
    names = ("description", "unit", *HINTS, "actionable")
    annotations = {name: getattr(column, name) for name in names}
    outer: dict[str, Any] = {key: value for key, value in annotations.items() if value}
    inner: dict[str, Any] = {"type": column.kind if column.kind in _KINDS else "string"}
    if column.kind == "date":
        inner["format"] = "date"
    if column.levels:
        inner["enum"] = list(column.levels)
    bounds = {key: getattr(column, attribute) for key, attribute in BOUNDS.items()}
    inner |= {key: bound for key, bound in bounds.items() if bound is not None}
    alternatives = [inner] + [{"type": "string"}] * column.allows_unlisted
    if not column.required:
        return {"anyOf": [*alternatives, {"type": "null"}], "default": None} | outer
    return {"anyOf": alternatives} | outer if column.allows_unlisted else inner | outer


def _resolved(spec: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Replace a ``$ref``, as pydantic writes for an Enum, by the definition it refers to."""
    reference = spec.get("$ref")
    if not isinstance(reference, str):
        return spec
    definition = definitions.get(reference.removeprefix("#/$defs/"), {})
    rest = {key: value for key, value in spec.items() if key != "$ref"}
    of_class = ("title", "description")  # they describe the class, not the field
    return {key: value for key, value in definition.items() if key not in of_class} | rest


def _alternatives(
    name: str, spec: Mapping[str, Any], definitions: Mapping[str, Any]
) -> tuple[Mapping[str, Any], bool, bool]:
    """A field's only type, whether it may be null, and whether it accepts unlisted strings."""
    if isinstance(spec.get("type"), list):  # ["number", "null"]
        rest = {key: value for key, value in spec.items() if key != "type"}
        spec = {**rest, "anyOf": [{"type": kind} for kind in spec["type"]]}
    if "anyOf" not in spec:
        return spec, False, False
    parts = [_resolved(part, definitions) for part in spec["anyOf"] if part.get("type") != "null"]
    listed = [part for part in parts if part != {"type": "string"}]
    allows_unlisted = (
        len(parts) == 2 and len(listed) == 1 and bool({"enum", "const"} & set(listed[0]))
    )
    if len(parts) != 1 and not allows_unlisted:
        raise SchemaError(f"{name}: a union of types is not supported; choose one type")
    rest = {key: value for key, value in spec.items() if key != "anyOf"}
    single = listed[0] if allows_unlisted else parts[0]
    return {**rest, **single}, len(parts) < len(spec["anyOf"]), allows_unlisted


def _kind(name: str, spec: Mapping[str, Any]) -> Kind:
    if "enum" in spec or "const" in spec:
        return "category"
    declared = spec.get("type")
    if declared == "string":
        return "date" if spec.get("format") == "date" else "identifier"
    if declared in _KINDS:
        return _KINDS[declared]
    raise SchemaError(f"{name}: {declared or 'a field without a type'} {UNSUPPORTED_TYPE}")


def _bounds(name: str, kind: Kind, spec: Mapping[str, Any]) -> dict[str, Any]:
    bounds: dict[str, Any] = {
        attribute: _bound(name, key, spec[key]) for key, attribute in BOUNDS.items() if key in spec
    }
    if kind == "integer":
        bounds["minimum"] = max(bounds.get("minimum", INT64_MIN), INT64_MIN)
        bounds["maximum"] = min(bounds.get("maximum", INT64_MAX), INT64_MAX)
    return bounds


def _bound(name: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SchemaError(f"{name}: {key} must be a finite number")
    return value


def _levels(name: str, spec: Mapping[str, Any]) -> tuple[str, ...]:
    levels = tuple(spec["enum"] if "enum" in spec else [spec["const"]] if "const" in spec else ())
    if not all(isinstance(level, str) for level in levels):
        raise SchemaError(f"{name}: all category levels must be strings")
    if len(set(levels)) < len(levels):
        raise SchemaError(f"{name}: a category level is listed twice")
    return levels
