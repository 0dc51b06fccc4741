"""The schema that the user names: a pydantic class, or a JSON Schema file."""

from __future__ import annotations

import importlib
from pathlib import Path

from pydantic import BaseModel

from churn_model.errors import InvalidJson, SchemaError
from churn_model.json_text import read_object
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema


def load_schema(name: str) -> RecordSchema:
    """Read ``package.module:ClassName`` or ``customer.schema.json``; by default, CustomerRecord.

    Raises SchemaError with one line that says what to correct.
    """
    if not name:
        return CUSTOMER_SCHEMA
    if name.endswith(".json"):
        return _from_file(Path(name))
    module, colon, attribute = name.partition(":")
    if not colon:
        raise SchemaError(f"{name}: is neither package.module:ClassName nor a .json file")
    return RecordSchema.from_model(_class(module, attribute))


def _from_file(path: Path) -> RecordSchema:
    try:
        document = read_object(path)
    except InvalidJson as error:
        raise SchemaError(str(error)) from None
    return RecordSchema.from_json_schema(document)


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
