"""What a customer record is: the one place where a field is declared, and its columnar view.

``CustomerRecord`` is the declaration. ``RecordSchema`` is derived from it (or from any class or
JSON Schema of the same kind) and is what everything else reads: the vectorised checks, the MLflow
signature, the request types of the server, training's feature list.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import NoneType
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.errors import PydanticUserError
from pydantic.functional_validators import (
    AfterValidator,
    BeforeValidator,
    PlainValidator,
    WrapValidator,
)

from churn_model.errors import SchemaError

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

OUTPUT_COLUMNS = ("churn_prediction", "churn_probability", "reasons", "error")
"""Columns of a scored table; no field of a record may have one of these names."""

_STRICT = ConfigDict(
    strict=True,
    frozen=True,
    extra="ignore",
    allow_inf_nan=False,
    str_min_length=0,  # any length, but having a limit makes pydantic refuse lone surrogates
)


class CustomerRecord(BaseModel):
    """One customer of a subscription business on the day of scoring."""

    model_config = _STRICT

    customer_id: str = Field(description="The customer's identifier, carried through unchanged")
    age: int = Field(ge=0, le=120, description="Age", json_schema_extra={"unit": "years"})
    tenure: int = Field(
        ge=0,
        le=INT64_MAX,
        description="Time since the customer joined",
        json_schema_extra={"unit": "months"},
    )
    monthly_charges: float = Field(
        ge=0,
        description="What the customer pays a month",
        json_schema_extra={"unit": "currency units a month", "role": "monthly_revenue"},
    )
    total_charges: float | None = Field(
        default=None,
        ge=0,
        description="What the customer has paid so far, if known",
        json_schema_extra={"unit": "currency units"},
    )


Kind = Literal["integer", "number", "boolean", "category", "identifier"]

# JSON Schema's name of a bound, pydantic's name of it
_BOUNDS = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"}
_ORDER = "propertyOrdering"  # of the columns; MLflow's YAML sorts the properties themselves
_TEXTS = {"title", "description", "unit", "examples"}
_HINTS: dict[str, tuple[str, ...]] = {
    "role": ("monthly_revenue",),
    "monotone": ("increasing", "decreasing"),
}
"""What a field may say to training: that it is what a customer is worth a month, and that the risk
only rises, or only falls, with it."""
_KIND_KEYS: dict[Kind, set[str]] = {
    "integer": {"type", *_BOUNDS},
    "number": {"type", *_BOUNDS},
    "boolean": {"type"},
    "category": {"type", "enum", "const"},
    "identifier": {"type"},
}
_PYTHON_TYPES: dict[str, type] = {"integer": int, "number": float, "boolean": bool}
_JSON_KINDS: dict[str, Kind] = {"integer": "integer", "number": "number", "boolean": "boolean"}


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a record, seen as a column.

    Bounds are inclusive (``minimum``, ``maximum``) or exclusive; None means unbounded. Integers
    always have both inclusive bounds, at least those of 64 bits. An open category also takes texts
    that are none of its ``choices``; a scorecard has one entry for all of them.
    """

    name: str
    kind: Kind
    required: bool = True
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    choices: tuple[str, ...] = ()
    is_open: bool = False
    description: str = ""
    unit: str = ""
    role: str = ""
    monotone: str = ""

    @property
    def label(self) -> str:
        """The name for people: ``monthly charges (currency units a month)``."""
        words = self.name.replace("_", " ")
        return f"{words} ({self.unit})" if self.unit else words


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
    def identifiers(self) -> tuple[Column, ...]:
        """The columns that are carried through and never scored."""
        return tuple(c for c in self.columns if c.kind == "identifier")

    def with_monotone(self, directions: Mapping[str, str]) -> RecordSchema:
        """The schema with each named field's risk ``increasing`` or ``decreasing``."""
        named = {column.name: column for column in self.columns}
        for name, direction in directions.items():
            if name not in named:
                raise SchemaError(f"{name}: is no field; fields are {list(named)}")
            hint = _hints(name, named[name].kind, {"monotone": direction or "nothing"})
            named[name] = replace(named[name], monotone=hint["monotone"])
        return replace(self, columns=tuple(named.values()))

    def with_unseen(self, unseen: str) -> RecordSchema:
        """The schema with its categories open (``"unknown"``) or closed (``"refuse"``)."""
        if unseen not in ("refuse", "unknown"):
            raise SchemaError("an unseen category is a reason to 'refuse', or it is 'unknown'")
        columns = (
            replace(c, is_open=unseen == "unknown") if c.kind == "category" else c for c in self
        )
        return replace(self, columns=tuple(columns))

    @classmethod
    def from_model(cls, model: type[BaseModel]) -> RecordSchema:
        """Read a pydantic class.

        Raises SchemaError for whatever has no column check: custom validators, nested models,
        unions, patterns, defaults other than None.
        """
        _refuse_validators(model)
        try:
            document = model.model_json_schema()
        except PydanticUserError as error:
            raise SchemaError(f"{model.__name__}: {error.message.splitlines()[0]}") from None
        return cls.from_json_schema(document)

    @classmethod
    def from_json_schema(cls, document: Mapping[str, Any]) -> RecordSchema:
        """Read the JSON Schema of one record (an object with properties)."""
        title = document.get("title", "record")
        properties = document.get("properties")
        if document.get("type") != "object" or not isinstance(properties, Mapping):
            raise SchemaError(f"{title}: a record's JSON Schema is an object with properties")
        required = set(document.get("required", ()))
        names = list(document.get(_ORDER, properties))
        unknown = {*required, *names} ^ set(properties)
        if unknown:
            raise SchemaError(f"{title}: its parts do not list the same fields: {sorted(unknown)}")
        return cls(
            title=str(title),
            columns=tuple(_column(str(n), properties[n], n in required) for n in names),
        )

    def to_json_schema(self) -> dict[str, Any]:
        """The JSON Schema of one record, as ``from_json_schema`` reads it."""
        return {
            "title": self.title,
            "type": "object",
            "properties": {c.name: _property(c) for c in self.columns},
            _ORDER: [c.name for c in self.columns],
            "required": [c.name for c in self.columns if c.required],
        }

    @cached_property
    def row_model(self) -> type[BaseModel]:
        """A strict pydantic class for one record; accepts what the column checks accept."""
        fields: dict[str, Any] = {c.name: _field(c) for c in self.columns}
        return create_model(self.title, __config__=_STRICT, **fields)


def _refuse_validators(model: type[BaseModel]) -> None:
    """Custom validators leave no trace in a JSON Schema, so they are looked for here."""
    found = model.__pydantic_decorators__
    for group in (found.validators, found.field_validators):
        for name, decorator in group.items():
            fields = ", ".join(decorator.info.fields)
            raise SchemaError(
                f"{model.__name__}.{fields}: validator {name!r} has no column check; "
                "use bounds or a Literal"
            )
    for name in (*found.root_validators, *found.model_validators):
        raise SchemaError(f"{model.__name__}: validator {name!r} has no column check; remove it")
    for name, info in model.model_fields.items():
        for part in [*info.metadata, *_parts(info.annotation)]:
            if isinstance(part, AfterValidator | BeforeValidator | PlainValidator | WrapValidator):
                raise SchemaError(
                    f"{model.__name__}.{name}: a custom validator has no column check; "
                    "use bounds or a Literal"
                )
            if isinstance(part, type) and part not in (int, float, bool, str, NoneType):
                raise SchemaError(f"{model.__name__}.{name}: {part.__name__} {_NO_COLUMN}")


_NO_COLUMN = "has no column; a field is an int, float, bool, str or Literal of texts"


def _parts(annotation: Any) -> Iterator[Any]:
    """The types and metadata inside a type, for example in ``Annotated[int, ...] | None``."""
    yield from getattr(annotation, "__metadata__", ())
    inner = get_args(annotation)
    if not inner:
        yield annotation
    for part in inner:
        yield from _parts(part)


def _column(name: str, spec: Mapping[str, Any], required: bool) -> Column:
    inner, nullable, is_open = _alternatives(name, spec)
    if required and nullable:
        raise SchemaError(f"{name}: may be null, so it needs the default None")
    if not required and not (nullable and spec.get("default", ...) is None):
        raise SchemaError(
            f"{name}: an optional field is `... | None = None`, with no other default"
        )
    kind = _kind(name, inner)
    unsupported = set(inner) - _KIND_KEYS[kind] - _TEXTS - {*_HINTS, "default"}
    if unsupported:
        raise SchemaError(
            f"{name}: {sorted(unsupported)} has no column check; use bounds or a Literal"
        )
    bounds = {key: _bound(name, key, inner[key]) for key in _BOUNDS if key in inner}
    if kind == "integer":
        bounds["minimum"] = max(bounds.get("minimum", INT64_MIN), INT64_MIN)
        bounds["maximum"] = min(bounds.get("maximum", INT64_MAX), INT64_MAX)
    return Column(
        name=name,
        kind=kind,
        required=required,
        minimum=bounds.get("minimum"),
        maximum=bounds.get("maximum"),
        exclusive_minimum=bounds.get("exclusiveMinimum"),
        exclusive_maximum=bounds.get("exclusiveMaximum"),
        choices=_choices(name, inner),
        is_open=is_open,
        description=str(spec.get("description", "")),
        unit=str(spec.get("unit", "")),
        **_hints(name, kind, spec),
    )


def _hints(name: str, kind: Kind, spec: Mapping[str, Any]) -> dict[str, str]:
    found = {key: str(spec[key]) for key in _HINTS if spec.get(key)}
    for key, value in found.items():
        if value not in _HINTS[key]:
            raise SchemaError(f"{name}: {key} is one of {', '.join(_HINTS[key])}")
        if kind not in ("integer", "number"):
            raise SchemaError(f"{name}: {key} is for a number, and this is a {kind}")
    return found


def _alternatives(name: str, spec: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool, bool]:
    """A field's one type, whether it may be null, and whether any other text will do as well."""
    if "anyOf" not in spec:
        return spec, False, False
    parts = [part for part in spec["anyOf"] if part.get("type") != "null"]
    listed = [part for part in parts if part != {"type": "string"}]
    is_open = len(parts) == 2 and len(listed) == 1 and bool({"enum", "const"} & set(listed[0]))
    if len(parts) != 1 and not is_open:
        raise SchemaError(f"{name}: a union of types has no column; choose one")
    rest = {key: value for key, value in spec.items() if key != "anyOf"}
    chosen = listed[0] if is_open else parts[0]
    return {**rest, **chosen}, len(parts) < len(spec["anyOf"]), is_open


def _kind(name: str, spec: Mapping[str, Any]) -> Kind:
    if "enum" in spec or "const" in spec:
        return "category"
    declared = spec.get("type")
    if declared == "string":
        return "identifier"
    if declared in _JSON_KINDS:
        return _JSON_KINDS[declared]
    raise SchemaError(f"{name}: {declared} {_NO_COLUMN}")


def _bound(name: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SchemaError(f"{name}: {key} is not a finite number")
    return value


def _choices(name: str, spec: Mapping[str, Any]) -> tuple[str, ...]:
    choices = tuple(spec["enum"] if "enum" in spec else [spec["const"]] if "const" in spec else ())
    if not all(isinstance(choice, str) for choice in choices):
        raise SchemaError(f"{name}: categories are texts; write the others as text too")
    if len(set(choices)) < len(choices):
        raise SchemaError(f"{name}: a category is listed twice")
    return choices


def _property(column: Column) -> dict[str, Any]:
    texts = {name: getattr(column, name) for name in ("description", "unit", *_HINTS)}
    outer: dict[str, Any] = {key: text for key, text in texts.items() if text}
    inner: dict[str, Any] = {"type": column.kind}
    if column.kind in ("identifier", "category"):
        inner["type"] = "string"
    if column.choices:
        inner["enum"] = list(column.choices)
    inner |= {key: bound for key, bound in _bounds(column).items() if bound is not None}
    parts = [inner] + [{"type": "string"}] * column.is_open
    if not column.required:
        return {"anyOf": [*parts, {"type": "null"}], "default": None} | outer
    return {"anyOf": parts} | outer if column.is_open else inner | outer


def _bounds(column: Column) -> dict[str, float | None]:
    return {
        "minimum": column.minimum,
        "maximum": column.maximum,
        "exclusiveMinimum": column.exclusive_minimum,
        "exclusiveMaximum": column.exclusive_maximum,
    }


def _field(column: Column) -> tuple[Any, Any]:
    """The column as ``create_model`` takes it: a type and a FieldInfo."""
    inner: Any = _PYTHON_TYPES.get(column.kind, str)
    if column.choices and not column.is_open:
        inner = Literal[column.choices]
    limits: dict[str, Any] = {_BOUNDS[k]: v for k, v in _bounds(column).items() if v is not None}
    inner = Annotated[inner, Field(**limits)] if limits else inner
    texts: dict[str, Any] = {"description": column.description or None}
    extra = {name: getattr(column, name) for name in ("unit", *_HINTS)}
    texts["json_schema_extra"] = {name: text for name, text in extra.items() if text} or None
    if column.required:
        return inner, Field(**texts)
    return inner | None, Field(default=None, **texts)


CUSTOMER_SCHEMA = RecordSchema.from_model(CustomerRecord)
"""The default record's schema. Importing this module fails if the class has no columnar form."""
