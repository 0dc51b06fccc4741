"""Suggestions for misspelled names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

_PUNCTUATION = re.compile(r"[\W_]+")


def plain_name(name: str) -> str:
    """A name in lower case without spaces and punctuation, for comparing names."""
    return _PUNCTUATION.sub("", name.casefold()) or name


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """``" Did you mean 'Churn'?"``, or an empty string if no candidate is similar."""
    by_plain_name = {plain_name(candidate): candidate for candidate in candidates}
    matches = get_close_matches(plain_name(name), by_plain_name, n=1)
    return f" Did you mean {by_plain_name[matches[0]]!r}?" if matches else ""
