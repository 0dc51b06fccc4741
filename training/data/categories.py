"""Rare category levels, which are pooled because too few customers have each of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

RARE = 20
"""A level with fewer customers than this is rare."""

OTHER = "other"
"""How reports name the pooled levels of a category that allows unlisted levels."""

POOL = "\N{SYMBOL FOR NULL}other"
"""Stands for rare and unlisted levels while a model is fitted. No table contains it."""


def pooled(values: pd.Series[Any], levels: Collection[str]) -> pd.Series[Any]:
    """The values (n,), with POOL in place of each that is rare or not one of ``levels``."""
    counts = values.value_counts()
    common = [level for level in levels if counts.get(level, 0) >= RARE]
    return values.where(values.isna() | values.isin(common), POOL)
