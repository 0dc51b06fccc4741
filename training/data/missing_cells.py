"""Cells of a numerical column or of dates that mean a missing value."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churn_model.tables.formats import Distinct
from churn_model.tables.missing_values import DATE_MARKS, NUMERICAL_MARKS

_MOST_WORDS = 1000
"""More different words are no mistakes of a few cells."""


@dataclass(frozen=True)
class Missing:
    """Which cells of a column mean missing.

    ``mask`` (n,): of n distinct cells. ``marks``: these strings, and ``usual_marks``: those that
    are no words. ``share``: the share (0..1) of the cells that are values or usual marks; the
    others are words, or cannot be read. ``note``: what to tell the user about the words; empty if
    there are none.
    """

    mask: npt.NDArray[np.bool_]
    marks: frozenset[str]
    usual_marks: frozenset[str]
    share: float
    note: str = ""


def missing_cells(cells: Distinct, readable: npt.NDArray[np.bool_], what: str) -> Missing:
    """Which cells mean missing: the usual marks, and words among the values.

    A cell with digits is no word: it has a value that cannot be read. ``readable`` (n,): which of
    the distinct cells are values. ``what``: the values in words, such as ``numbers``.
    """
    usual = NUMERICAL_MARKS if what == "numbers" else NUMERICAL_MARKS | DATE_MARKS
    is_usual = cells.texts.isin(usual).to_numpy(bool)
    is_word = ~readable & ~is_usual
    is_word[is_word] = [_is_word(text) for text in cells.texts[is_word]]
    if is_word.sum() > _MOST_WORDS:
        is_word[:] = False
    mask = is_word | (is_usual & ~readable)
    share = cells.share(readable | is_usual) if readable.any() else 0.0
    marks, words = frozenset(cells.texts[mask]), frozenset(cells.texts[is_word])
    return Missing(mask, marks, marks - words, share, _note(cells, is_word, what))


def _is_word(text: str) -> bool:
    if text.startswith("#"):  # errors of spreadsheets such as #DIV/0!
        return True
    return re.search(r"\d", text) is None and not _is_infinite(text)


def _is_infinite(text: str) -> bool:
    try:
        return math.isinf(float(text))
    except ValueError:
        return False


def _note(cells: Distinct, is_word: npt.NDArray[np.bool_], what: str) -> str:
    count = int(cells.counts[is_word].sum())
    if not count:
        return ""
    example = cells.texts[is_word].iloc[0]
    if count == 1:
        return f"1 cell is not a {what.removesuffix('s')} ({example!r}); it counts as missing"
    return f"{count:,} cells are not {what}, such as {example!r}; they count as missing"
