"""Rare categories, which are taken together because too few customers speak for each of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

RARE = 20
"""Customers; a category that has fewer is rare."""

OTHER = "other"
"""What people read for the categories that an open column does not list, taken together."""

POOL = "\N{SYMBOL FOR NULL}other"
"""What stands for a rare or unlisted category while a model is fitted; no table holds it."""


def pooled(values: pd.Series[Any], levels: Collection[str]) -> pd.Series[Any]:
    """The categories (n,) with one name for all that are rare or none of ``levels``."""
    counts = values.value_counts()
    common = [choice for choice in levels if counts.get(choice, 0) >= RARE]
    return values.where(values.isna() | values.isin(common), POOL)
