"""The schema that the user names (a pydantic class or a JSON Schema file), and changes to it."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel

from churn_model.errors import SchemaError, TrainingError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import read_hints
from churn_model.tables.column_names import suggest


def load_schema(name: str) -> RecordSchema:
    """Read ``package.module:ClassName`` or ``customer.schema.json``; by default, CustomerRecord.

    Raises SchemaError with one line that says what to correct.
    """
    if not name:
        return CUSTOMER_SCHEMA
    if name.endswith(".json"):
        return RecordSchema.from_file(name)
    module, colon, attribute = name.partition(":")
    if not colon:
        raise SchemaError(f"{name}: is neither package.module:ClassName nor a .json file")
    return RecordSchema.from_model(_class(module, attribute))


def with_monotone(schema: RecordSchema, given: Sequence[str]) -> RecordSchema:
    """A copy in which the risk is monotone in the fields that ``--monotone`` names.

    ``given``: ``field=increasing`` or ``field=decreasing``. Raises TrainingError for a name that is
    not a field, SchemaError for a field that is not numerical and for another direction.
    """
    columns = {column.name: column for column in schema}
    for text in given:
        name, has_direction, direction = text.rpartition("=")
        name = name if has_direction else text
        if name not in columns:
            raise TrainingError(
                f"--monotone: {name!r} is not a field.{suggest(name, list(columns), 'fields')}"
            )
        hints = read_hints(name, columns[name].kind, {"monotone": direction or "nothing"})
        columns[name] = replace(columns[name], monotone=hints["monotone"])
    return replace(schema, columns=tuple(columns.values()))


def _class(module: str, attribute: str) -> type[BaseModel]:
    try:
        record = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise SchemaError(f"{module}: cannot be imported ({error})") from None
    except AttributeError:
        raise SchemaError(f"{module}: has no class {attribute!r}") from None
    if not (isinstance(record, type) and issubclass(record, BaseModel)):
        raise SchemaError(f"{module}:{attribute}: is not a pydantic class")
    return record
