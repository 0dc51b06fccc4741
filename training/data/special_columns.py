"""Recognises identifiers and locations, by the words of a column's name and by its values."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.column_names import word_list

DISTINCT = 0.95
"""Share of distinct values from which a column may be an identifier."""

FEWEST = 30
"""Fewer customers say nothing about a column."""

MOST_LEVELS = 100
"""A column with more different values is no category."""

_ID_WORDS = {
    *("id", "ids", "uid", "uuid", "guid", "custid", "customerid", "userid", "clientid"),
    *("memberid", "accountid", "subscriberid", "msisdn", "imsi", "imei", "iccid", "ssn", "iban"),
    *("kundennr", "kundennummer"),
}
"""Words that name an identifier at the start or at the end of a name."""

_ID_LAST_WORDS = {"key", "no", "nr", "num", "number", "nummer", "code", "rownum", "phonenumber"}
"""Words that do so only at the end: ``num_bytes`` is a number of bytes."""

_CUSTOMER_WORDS = {
    *("customer", "cust", "client", "user", "member", "subscriber", "account", "acct", "person"),
    *("household", "policy", "contract", "phone", "phonenumber", "mobile", "telephone", "email"),
}
_QUALIFIERS = {"home", "work", "contact", "main", "primary", "address", "row", "index"}
"""Words beside which ``phone`` is an identifier, as opposed to ``phone minutes``."""

_POSTAL_WORDS = {"zipcode", "postcode"}
_POSTAL_PHRASES = {("zip", "code"), ("postal", "code"), ("post", "code")}
_LOCATION_LAST_WORDS = {"zip", "latitude", "longitude", "lat", "lon", "lng"}


def has_identifier_name(name: str) -> bool:
    """Whether a name says that the column identifies something: ``CustomerId``, ``phone``."""
    words = word_list(name)
    if not words:
        return False
    if words[0] in _ID_WORDS or words[-1] in _ID_WORDS | _ID_LAST_WORDS:
        return True
    is_thing = words[-1] in {"account", "acct", "phone", "mobile", "telephone", "email", "index"}
    return is_thing and set(words) <= _CUSTOMER_WORDS | _QUALIFIERS


def has_customer_name(name: str) -> bool:
    """Whether a name says that the column identifies a customer, not a shop or a product."""
    words = set(word_list(name))
    is_only_an_id = words <= _ID_WORDS
    return has_identifier_name(name) and (is_only_an_id or bool(words & _CUSTOMER_WORDS))


def is_identifier(name: str, numbers: npt.NDArray[Any]) -> bool:
    """Whether integers (n,), none missing, look like an identifier: nearly all are distinct.

    Amounts are also mostly distinct, so the name must match, or the values must be nearly
    consecutive. A table may be sorted by an amount, so the order of the rows says nothing.
    """
    if len(numbers) < FEWEST or len(np.unique(numbers)) <= DISTINCT * len(numbers):
        return False
    return has_identifier_name(name) or bool(np.ptp(numbers) < 2 * len(numbers))


def is_location(name: str) -> bool:
    """Whether a name says that the column is a postal code or a coordinate."""
    words = word_list(name)
    if not words:
        return False
    pairs = set(pairwise(words))
    return bool(
        _POSTAL_WORDS & set(words) or _POSTAL_PHRASES & pairs or words[-1] in _LOCATION_LAST_WORDS
    )
