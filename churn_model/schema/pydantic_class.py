"""Records as pydantic classes: what a user's class may hold, and the class made from columns."""

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
from churn_model.errors import SchemaError
from churn_model.schema.column import HINTS, Column
from churn_model.schema.json_schema import NO_COLUMN

STRICT = ConfigDict(
    strict=True,
    frozen=True,
    extra="ignore",
    allow_inf_nan=False,
    str_min_length=0,  # any length, but having a limit makes pydantic refuse lone surrogates
)

_LIMITS = {
    "minimum": "ge",
    "maximum": "le",
    "exclusive_minimum": "gt",
    "exclusive_maximum": "lt",
}
_IS_DATE = BeforeValidator(parse_date)  # pydantic alone takes "1706659200" for a date
_TYPES: dict[str, Any] = {
    "integer": int,
    "number": float,
    "boolean": bool,
    "date": Annotated[date, _IS_DATE],
}
_PLAIN = (int, float, bool, str, date, NoneType)


def document_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a user's class. Raises SchemaError for what would be lost in it."""
    _refuse_validators(model)
    for name, info in model.model_fields.items():
        parts = list(_parts(info.annotation))
        for part in [*info.metadata, *parts]:
            _refuse_part(f"{model.__name__}.{name}", part)
        if date in parts and any(part is not _IS_DATE for part in _limits(info.metadata, parts)):
            raise SchemaError(
                f"{model.__name__}.{name}: the bounds of a date have no column check; remove them"
            )
    try:
        return model.model_json_schema()
    except PydanticUserError as error:
        raise SchemaError(f"{model.__name__}: {error.message.splitlines()[0]}") from None


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


def _refuse_part(field: str, part: Any) -> None:
    if part is _IS_DATE:
        return
    if isinstance(part, AfterValidator | BeforeValidator | PlainValidator | WrapValidator):
        raise SchemaError(
            f"{field}: a custom validator has no column check; use bounds or a Literal"
        )
    if isinstance(part, type) and part not in _PLAIN and not issubclass(part, Enum):
        raise SchemaError(f"{field}: {part.__name__} {NO_COLUMN}")


def _parts(annotation: Any) -> Iterator[Any]:
    """The types and metadata inside a type, for example in ``Annotated[int, ...] | None``."""
    yield from getattr(annotation, "__metadata__", ())
    inner = get_args(annotation)
    if not inner:
        yield annotation
    for part in inner:
        yield from _parts(part)


def _limits(metadata: Sequence[Any], parts: Sequence[Any]) -> Iterator[Any]:
    """What constrains a type, among the parts of its annotation."""
    yield from metadata
    for part in parts:
        if not isinstance(part, type):
            yield from getattr(part, "metadata", [part])  # a Field, or a constraint by itself


def row_class(title: str, columns: Sequence[Column]) -> type[BaseModel]:
    """A strict pydantic class of one record; accepts what the column checks accept.

    Its attributes are called ``field_0``, ``field_1``, ...; in records they have the columns' own
    names, which need not be names in Python.
    """
    fields: dict[str, Any] = {f"field_{i}": _field(column) for i, column in enumerate(columns)}
    return create_model(title, __config__=STRICT, **fields)


def _field(column: Column) -> tuple[Any, Any]:
    """The column as ``create_model`` takes it: a type and a FieldInfo."""
    inner: Any = _TYPES.get(column.kind, str)
    if column.levels and not column.allows_unlisted:
        inner = Literal[column.levels]
    found = {theirs: getattr(column, own) for own, theirs in _LIMITS.items()}
    limits: dict[str, Any] = {name: limit for name, limit in found.items() if limit is not None}
    inner = Annotated[inner, Field(**limits)] if limits else inner
    extra = {name: getattr(column, name) for name in ("unit", *HINTS)}
    about: dict[str, Any] = {
        "alias": column.name,
        "description": column.description or None,
        "json_schema_extra": {name: text for name, text in extra.items() if text} or None,
    }
    if column.required:
        return inner, Field(**about)
    return inner | None, Field(default=None, **about)
