"""Reads TOML files into pydantic models, with one-line errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from churn_model.errors import TableError
from churn_model.suggestions import did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

M = TypeVar("M", bound=BaseModel)


def read_toml(path: str | Path, model: type[M]) -> M:
    """Read a TOML file as a ``model``. Raises TableError, which says what to correct."""
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: is not valid TOML ({error})") from None
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise TableError(f"{path}: {_describe(error, model, document)}") from None


def _describe(error: ValidationError, model: type[BaseModel], document: dict[str, Any]) -> str:
    """The first error, but a misspelled name takes precedence over a missing one."""
    for name in document:
        if name not in model.model_fields:
            hint = did_you_mean(name, model.model_fields)
            if hint:
                return f"{_setting(name, document)} is not a known setting.{hint}"
    first = error.errors()[0]
    location = ".".join(map(str, first["loc"]))
    return f"{location}: {first['msg']}"


def _setting(name: str, document: dict[str, Any]) -> str:
    return f"[{name}]" if isinstance(document[name], dict) else repr(name)
