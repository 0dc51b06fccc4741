"""Types of numpy arrays, the sigmoid function, and columns as lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = npt.NDArray[np.intp]
"""Positions of rows."""


def sigmoid(log_odds: Floats) -> Floats:
    """The probabilities (n,) of log-odds (n,), without overflow."""
    odds = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1.0, odds) / (1.0 + odds)


def as_list(cells: Iterable[Any]) -> list[Any]:
    """The cells (n,) of a column as a list of Python objects.

    Arrow makes a list of its strings in a tenth of the time that iterating over pandas' array of
    them takes.
    """
    arrow = getattr(cells, "__arrow_array__", None)
    return list(cells) if arrow is None else arrow().to_pylist()
