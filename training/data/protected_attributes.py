"""Attributes that anti-discrimination law protects, recognised by a column's name.

The list follows the grounds named in article 21 of the Charter of Fundamental Rights of the
European Union, article 2 of Council Directive 2000/78/EC, and the United States' Equal Credit
Opportunity Act (15 U.S.C. 1691): sex, age, marital and family status, origin, nationality,
language, religion, political opinion, disability and health, sexual orientation. A column is
matched by the words of its name, so the list can miss a column, and it can flag a harmless one.
"""

from __future__ import annotations

from collections.abc import Iterable

from training.data.column_names import words_of

_WORDS: dict[str, frozenset[str]] = {
    "sex": frozenset({"sex", "gender", "female", "male", "pregnant", "pregnancy"}),
    "age": frozenset({"age", "birth", "birthday", "birthdate", "dob", "senior"}),
    "marital and family status": frozenset(
        {"married", "marital", "spouse", "partner", "dependent", "dependents", "children", "family"}
    ),
    "origin": frozenset({"race", "ethnic", "ethnicity", "ancestry", "tribe", "caste"}),
    "nationality": frozenset({"nationality", "citizenship", "immigrant", "immigration"}),
    "language": frozenset({"language"}),
    "religion": frozenset({"religion", "religious", "faith", "church"}),
    "political opinion": frozenset({"political", "union"}),
    "disability and health": frozenset({"disability", "disabled", "health", "illness"}),
    "sexual orientation": frozenset({"orientation", "sexual", "sexuality"}),
}


def protected_attributes(names: Iterable[str]) -> dict[str, str]:
    """The names that look like a protected attribute, and which one: ``{"Gender": "sex"}``."""
    return {
        name: attribute
        for name in names
        for attribute, words in _WORDS.items()
        if words & words_of(name)
    }
