"""Reads TOML files into pydantic models, with one-line errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from churn_model.errors import InvalidToml, first_validation_error
from churn_model.suggestions import did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

M = TypeVar("M", bound=BaseModel)


def read_toml(path: str | Path, model: type[M]) -> M:
    """Read a TOML file as a ``model``. Raises InvalidToml, which says what to correct."""
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidToml(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidToml(f"{path}: is not valid TOML ({error})") from None
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InvalidToml(f"{path}: {_describe(error, model, document)}") from None


def _describe(error: ValidationError, model: type[BaseModel], document: dict[str, Any]) -> str:
    """The first error, but a misspelled name takes precedence over a missing one."""
    known = {field.alias or name for name, field in model.model_fields.items()}
    for name in document:
        if name not in known:
            hint = did_you_mean(name, known)
            if hint:
                return f"{_setting(name, document)} is not a known setting.{hint}"
    return first_validation_error(error)


def _setting(name: str, document: dict[str, Any]) -> str:
    return f"[{name}]" if isinstance(document[name], dict) else repr(name)
