"""Pydantic classes of records: reads a user's class, and creates a class from columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from enum import Enum
from types import NoneType
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic.errors import PydanticUserError
from pydantic.functional_validators import AfterValidator, PlainValidator, WrapValidator

from churn_model.dates import parse_date
from churn_model.errors import SchemaError, first_line
from churn_model.schema.column import HINTS, Column, Kind
from churn_model.schema.json_schema import UNSUPPORTED_TYPE

STRICT = ConfigDict(
    strict=True,
    frozen=True,
    extra="ignore",
    allow_inf_nan=False,
    str_min_length=0,  # any length; but with a limit pydantic rejects lone surrogates
)

_LIMITS = {
    "minimum": "ge",
    "maximum": "le",
    "exclusive_minimum": "gt",
    "exclusive_maximum": "lt",
}
_IS_DATE = BeforeValidator(parse_date)  # pydantic alone accepts "1706659200" as a date
TYPES: dict[Kind, Any] = {
    "integer": int,
    "number": float,
    "boolean": bool,
    "date": Annotated[date, _IS_DATE],
    "category": str,
    "identifier": str,
}
"""The Python type of each kind of column; a category without unlisted levels is a Literal."""

_SUPPORTED = (int, float, bool, str, date, NoneType)


def document_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a user's class. Raises SchemaError for rules that it cannot express."""
    _reject_validators(model)
    for name, info in model.model_fields.items():
        parts = list(_parts(info.annotation))
        for part in [*info.metadata, *parts]:
            _reject_unsupported(f"{model.__name__}.{name}", part)
        if date in parts and any(
            part is not _IS_DATE for part in _constraints(info.metadata, parts)
        ):
            raise SchemaError(
                f"{model.__name__}.{name}: bounds of a date are not supported; remove them"
            )
    try:
        return model.model_json_schema()
    except PydanticUserError as error:
        raise SchemaError(f"{model.__name__}: {first_line(error)}") from None


def _reject_validators(model: type[BaseModel]) -> None:
    """Raise SchemaError for custom validators, which a JSON Schema does not contain."""
    decorators = model.__pydantic_decorators__
    for group in (decorators.validators, decorators.field_validators):
        for name, decorator in group.items():
            fields = ", ".join(decorator.info.fields)
            raise SchemaError(
                f"{model.__name__}.{fields}: validator {name!r} is not supported; "
                "use bounds or a Literal"
            )
    for name in (*decorators.root_validators, *decorators.model_validators):
        raise SchemaError(f"{model.__name__}: validator {name!r} is not supported; remove it")


def _reject_unsupported(field: str, part: Any) -> None:
    """Raise SchemaError for a part of a field's annotation that is not supported."""
    if part is _IS_DATE:
        return
    if isinstance(part, AfterValidator | BeforeValidator | PlainValidator | WrapValidator):
        raise SchemaError(f"{field}: a custom validator is not supported; use bounds or a Literal")
    if isinstance(part, type) and part not in _SUPPORTED and not issubclass(part, Enum):
        raise SchemaError(f"{field}: {part.__name__} {UNSUPPORTED_TYPE}")


def _parts(annotation: Any) -> Iterator[Any]:
    """The types and metadata inside an annotation such as ``Annotated[int, ...] | None``."""
    yield from getattr(annotation, "__metadata__", ())
    inner = get_args(annotation)
    if not inner:
        yield annotation
    for part in inner:
        yield from _parts(part)


def _constraints(metadata: Sequence[Any], parts: Sequence[Any]) -> Iterator[Any]:
    """The constraints among a field's metadata and the parts of its annotation."""
    yield from metadata
    for part in parts:
        if not isinstance(part, type):
            yield from getattr(part, "metadata", [part])  # of a Field, or a bare constraint


def row_class(title: str, columns: Sequence[Column]) -> type[BaseModel]:
    """A strict pydantic class of one record; it accepts what the column checks accept.

    Its attributes are ``field_0``, ``field_1``, ...; their aliases are the columns' names, which
    need not be Python names.
    """
    fields: dict[str, Any] = {f"field_{i}": _field(column) for i, column in enumerate(columns)}
    return create_model(title, __config__=STRICT, **fields)


def _field(column: Column) -> tuple[Any, Any]:
    """The column's type and FieldInfo, as ``create_model`` expects them."""
    inner: Any = TYPES[column.kind]
    if column.levels and not column.allows_unlisted:
        inner = Literal[column.levels]
    limits: dict[str, Any] = {
        limit: bound
        for attribute, limit in _LIMITS.items()
        if (bound := getattr(column, attribute)) is not None
    }
    inner = Annotated[inner, Field(**limits)] if limits else inner
    extra = {name: getattr(column, name) for name in ("unit", *HINTS, "actionable")}
    info: dict[str, Any] = {
        "alias": column.name,
        "description": column.description or None,
        "json_schema_extra": {name: value for name, value in extra.items() if value} or None,
    }
    if column.required:
        return inner, Field(**info)
    return inner | None, Field(default=None, **info)
