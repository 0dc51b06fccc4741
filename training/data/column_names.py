"""The words in a column's name."""

from __future__ import annotations

import re


def word_list(name: str) -> list[str]:
    """The words of a column's name in lower case: ``["customer", "id"]`` of ``CustomerId``."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[a-z]+", spaced.lower())


def words_of(name: str) -> set[str]:
    """The words of a column's name, without their order."""
    return set(word_list(name))
