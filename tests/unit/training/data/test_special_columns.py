"""Identifiers and locations are recognised by names and values."""

import numpy as np
import pytest

from training.data.special_columns import has_customer_name, is_identifier, is_location

ROWS = 500
RANDOM = np.random.default_rng(4).permutation(np.arange(ROWS) * 977 + 10_000)
SORTED = np.sort(RANDOM)
CONSECUTIVE = np.arange(ROWS) + 15_000_000
REPEATED = RANDOM // 50_000


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("CustomerId", RANDOM, True),
        ("customerID", RANDOM, True),
        ("customerid", RANDOM, True),
        ("id_client", RANDOM, True),
        ("Contract no", RANDOM, True),
        ("Phone Number", RANDOM, True),
        ("phone", RANDOM, True),
        ("home_phone", RANDOM, True),
        ("msisdn", RANDOM, True),
        ("account", RANDOM, True),
        ("Account", RANDOM, True),
        ("SSN", RANDOM, True),
        ("RowNumber", RANDOM, True),
        ("anything", CONSECUTIVE, True),
        ("number_of_seconds", RANDOM, False),
        ("num_bytes", RANDOM, False),
        ("Savings Account", RANDOM, False),
        ("account_balance", RANDOM, False),
        ("phone_minutes", RANDOM, False),
        ("Total Spend", SORTED, False),
        ("Total Spend", SORTED[::-1], False),
        ("paid", RANDOM, False),
        ("CustomerId", REPEATED, False),
    ],
)
def test_unique_integers_are_an_identifier_by_name_or_as_running_numbers(name, values, expected):
    assert is_identifier(name, values) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Zip Code", True),
        ("PostalCode", True),
        ("zipcode", True),
        ("customer_zip_code_prefix", True),
        ("Latitude", True),
        ("store_lat", True),
        ("Postal Billing", False),
        ("Lat Fee", False),
        ("zipped", False),
        ("Code", False),
    ],
)
def test_locations_are_recognised_by_name(name, expected):
    assert is_location(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CustomerId", True),
        ("account_id", True),
        ("id", True),
        ("policy number", True),
        ("phone", True),
        ("store_id", False),
        ("Promo code", False),
        ("customer", False),
    ],
)
def test_only_some_identifiers_are_of_customers(name, expected):
    assert has_customer_name(name) is expected
