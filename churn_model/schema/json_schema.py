"""A field as JSON Schema writes it <-> a column. What has no column check is refused by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from churn_model.errors import SchemaError
from churn_model.schema.column import HINTS, INT64_MAX, INT64_MIN, Column, Kind, read_hints

BOUNDS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
}
"""JSON Schema's name of a bound, Column's name of it."""

NO_COLUMN = (
    "has no column; a field is an int, float, bool, str, date, or a Literal or Enum of texts"
)

_TEXTS = {"title", "description", "unit", "examples"}
_KIND_KEYS: dict[Kind, set[str]] = {
    "integer": {"type", *BOUNDS},
    "number": {"type", *BOUNDS},
    "boolean": {"type"},
    "date": {"type", "format"},
    "category": {"type", "enum", "const"},
    "identifier": {"type"},
}
_KINDS: dict[str, Kind] = {"integer": "integer", "number": "number", "boolean": "boolean"}


def read_property(
    name: str, spec: Mapping[str, Any], required: bool, definitions: Mapping[str, Any]
) -> Column:
    """One property of a record's JSON Schema as a column. Raises SchemaError."""
    inner, nullable, allows_unlisted = _alternatives(
        name, _resolved(spec, definitions), definitions
    )
    if required and nullable:
        raise SchemaError(f"{name}: may be null, so it needs the default None")
    if spec.get("default") is not None:
        raise SchemaError(
            f"{name}: an optional field is `... | None = None`, with no other default"
        )
    kind = _kind(name, inner)
    unsupported = set(inner) - _KIND_KEYS[kind] - _TEXTS - {*HINTS, "default"}
    if unsupported:
        raise SchemaError(
            f"{name}: {sorted(unsupported)} has no column check; use bounds or a Literal"
        )
    bounds: dict[str, Any] = {
        own: _bound(name, key, inner[key]) for key, own in BOUNDS.items() if key in inner
    }
    if kind == "integer":
        bounds["minimum"] = max(bounds.get("minimum", INT64_MIN), INT64_MIN)
        bounds["maximum"] = min(bounds.get("maximum", INT64_MAX), INT64_MAX)
    return Column(
        name=name,
        kind=kind,
        required=required,
        levels=_levels(name, inner),
        allows_unlisted=allows_unlisted,
        description=str(spec.get("description", "")),
        unit=str(spec.get("unit", "")),
        **(bounds | read_hints(name, kind, spec)),
    )


def write_property(column: Column) -> dict[str, Any]:
    """The column as a property of a record's JSON Schema; ``read_property`` reads it back."""
    texts = {name: getattr(column, name) for name in ("description", "unit", *HINTS)}
    outer: dict[str, Any] = {key: text for key, text in texts.items() if text}
    inner: dict[str, Any] = {"type": column.kind if column.kind in _KINDS else "string"}
    if column.kind == "date":
        inner["format"] = "date"
    if column.levels:
        inner["enum"] = list(column.levels)
    limits = {key: getattr(column, own) for key, own in BOUNDS.items()}
    inner |= {key: limit for key, limit in limits.items() if limit is not None}
    parts = [inner] + [{"type": "string"}] * column.allows_unlisted
    if not column.required:
        return {"anyOf": [*parts, {"type": "null"}], "default": None} | outer
    return {"anyOf": parts} | outer if column.allows_unlisted else inner | outer


def _resolved(spec: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The field with what it refers to put in its place, as pydantic writes an Enum."""
    reference = spec.get("$ref")
    if not isinstance(reference, str):
        return spec
    found = definitions.get(reference.removeprefix("#/$defs/"), {})
    rest = {key: value for key, value in spec.items() if key != "$ref"}
    texts = ("title", "description")  # of the class, not of the field
    return {key: value for key, value in found.items() if key not in texts} | rest


def _alternatives(
    name: str, spec: Mapping[str, Any], definitions: Mapping[str, Any]
) -> tuple[Mapping[str, Any], bool, bool]:
    """A field's one type, whether it may be null, and whether any other text will do as well."""
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
        raise SchemaError(f"{name}: a union of types has no column; choose one")
    rest = {key: value for key, value in spec.items() if key != "anyOf"}
    chosen = listed[0] if allows_unlisted else parts[0]
    return {**rest, **chosen}, len(parts) < len(spec["anyOf"]), allows_unlisted


def _kind(name: str, spec: Mapping[str, Any]) -> Kind:
    if "enum" in spec or "const" in spec:
        return "category"
    declared = spec.get("type")
    if declared == "string":
        return "date" if spec.get("format") == "date" else "identifier"
    if declared in _KINDS:
        return _KINDS[declared]
    raise SchemaError(f"{name}: {declared or 'what it is'} {NO_COLUMN}")


def _bound(name: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SchemaError(f"{name}: {key} is not a finite number")
    return value


def _levels(name: str, spec: Mapping[str, Any]) -> tuple[str, ...]:
    levels = tuple(spec["enum"] if "enum" in spec else [spec["const"]] if "const" in spec else ())
    if not all(isinstance(choice, str) for choice in levels):
        raise SchemaError(f"{name}: categories are texts; write the others as text too")
    if len(set(levels)) < len(levels):
        raise SchemaError(f"{name}: a category is listed twice")
    return levels
