"""A table's rows in JSON, each written from an object of a class with the columns' names.

msgspec writes such objects in less than half of the time that dictionaries take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import defstruct
from msgspec.json import Encoder

_ENCODER = Encoder()


def json_rows(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """The rows of columns (at least one, of n cells each) as a JSON list of n objects.

    NaN is written as null.
    """
    return _ENCODER.encode(list(map(_row(tuple(columns)), *columns.values())))


@lru_cache(maxsize=64)
def _row(names: tuple[str, ...]) -> Callable[..., Any]:
    """Returns a class, or a function, that makes a row from its cells."""
    keys = {f"field_{i}": name for i, name in enumerate(names)}
    try:
        return defstruct("Row", keys, rename=keys, gc=False)
    except ValueError:  # msgspec does not support the name of a column
        return lambda *cells: dict(zip(names, cells, strict=True))
