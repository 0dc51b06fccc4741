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

PHRASES: dict[str, tuple[str, ...]] = {
    "sex": ("sex", "gender", "female", "male", "pregnant", "pregnancy", "maternity"),
    "origin": (
        *("race", "racial", "ethnic", "ethnicity", "ancestry", "tribe", "caste", "minority"),
        *("national origin", "country birth", "birth country", "place birth", "birthplace"),
    ),
    "age": ("age", "birth", "birthday", "birthdate", "dateofbirth", "dob", "yob", "senior"),
    "marital and family status": (
        *("married", "marital", "maritalstatus", "marriage", "divorced", "widowed", "spouse"),
        *("partner", "dependent", "dependents", "child", "children", "kids"),
        *("civil status", "family status", "family size", "family members"),
    ),
    "nationality": ("nationality", "citizenship", "immigrant", "immigration", "migrant"),
    "language": ("language",),
    "religion": ("religion", "religious", "faith", "church"),
    "political opinion": ("political", "trade union", "union member", "union membership"),
    "disability and health": (
        *("disability", "disabilities", "disabled", "handicap", "health", "illness", "disease"),
    ),
    "sexual orientation": ("sexual", "sexuality"),
}
"""Phrases by attribute. A name matches a phrase if it contains all of its words."""


def protected_attributes(names: Iterable[str]) -> dict[str, str]:
    """The names that look like a protected attribute, and which one: ``{"Gender": "sex"}``."""
    matches = {name: _attribute(words_of(name)) for name in names}
    return {name: attribute for name, attribute in matches.items() if attribute is not None}


def _attribute(words: set[str]) -> str | None:
    """The first attribute with a phrase whose words are all among ``words``."""
    for attribute, phrases in PHRASES.items():
        if any(words.issuperset(phrase.split()) for phrase in phrases):
            return attribute
    return None
