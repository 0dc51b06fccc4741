"""Strict JSON parsing. Errors name line and column and never repeat the content."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from churn_model.errors import InvalidJson

_POSITION = re.compile(r"line (\d+) column (\d+)")


def parse_json(text: bytes, name: str = "the body") -> Any:
    """Parse JSON in UTF-8; NaN and infinity are rejected. Raises InvalidJson."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        match = _POSITION.search(str(error))
        position = f": line {match[1]}, column {match[2]}" if match else ""
        raise InvalidJson(f"{name} is not valid JSON{position}") from None


def parse_object(text: bytes, name: str = "the body") -> dict[str, Any]:
    """Parse a JSON object. Raises InvalidJson for any other value."""
    value = parse_json(text, name)
    if not isinstance(value, dict):
        raise InvalidJson(f"{name} must be a JSON object")
    return value


def read_object(path: str | Path) -> dict[str, Any]:
    """Read a JSON object from a file. Raises InvalidJson."""
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise InvalidJson(f"{path}: cannot be read ({error.strerror})") from None
    return parse_object(text, str(path))
