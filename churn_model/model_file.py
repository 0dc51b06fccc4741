"""Reads the JSON files of a model, which may be damaged or hostile.

``what``: the file in a word for messages, such as ``scorecard``. ``error``: the class of error to
raise, whose message is one line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from churn_model.errors import ChurnError

MOST_BYTES = 256 * 2**20
"""A scorecard has about 100 kB."""


def read_model_file(path: Path, what: str, error: type[ChurnError]) -> bytes:
    """The content of a file. Raises ``error`` if it is too large or cannot be read."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise error(f"{path}: has over {MOST_BYTES} bytes, too many for a {what}")
        return path.read_bytes()
    except OSError as failure:
        raise error(f"{path}: cannot be read ({failure.strerror})") from None


def parse_model_file(
    text: str | bytes, name: str, *, format: str, what: str, error: type[ChurnError], advice: str
) -> dict[str, Any]:
    """The document in a file with this ``format``. Raises ``error`` for any other text.

    ``advice``: what to do about a file that is not valid JSON.
    """
    try:
        document = json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise error(f"{name}: is cut off or not valid JSON{advice}") from None
    if not isinstance(document, dict) or document.get("format") != format:
        raise error(f"{name}: is not a {what} (its 'format' is not {format!r})")
    return document


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not valid JSON")
