"""Column names, taken apart into words."""

from __future__ import annotations

import re


def words_of(name: str) -> set[str]:
    """The words of a column's name in lower case: ``{"customer", "id"}`` of ``CustomerId``."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return set(re.findall(r"[a-z]+", spaced.lower()))
