"""Reads a whole column of strings as numbers."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churn_model.tables.cell_format import CellFormat
from churn_model.tables.number_format import NumberFormat


def read_numbers(texts: pa.Array, written: CellFormat) -> npt.NDArray[np.float64] | None:
    """Parse a column of strings (n,) as numbers, NaN for missing.

    Returns None if a cell is not a number, or if the decimal mark is not a point; then each cell
    has to be parsed by itself.
    """
    if written.number_format is None and written.decimal != ".":
        return None
    if written.number_format is None:
        with suppress(pa.ArrowInvalid):  # usually there are no blanks and no missing cells
            return without_missing(_to_floats(texts), written)
    trimmed = pc.utf8_trim_whitespace(texts)
    missing = pc.is_in(trimmed, pa.array(sorted(written.missing), trimmed.type))
    present = pc.if_else(missing, pa.scalar(None, trimmed.type), trimmed)
    if written.number_format is not None:
        return _formatted_numbers(present, written.number_format, written)
    try:
        return without_missing(_to_floats(present), written)
    except pa.ArrowInvalid:
        return None


def _to_floats(texts: pa.Array) -> npt.NDArray[np.float64]:
    """Raises pa.ArrowInvalid if a text is not a number."""
    numbers: npt.NDArray[np.float64] = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def _formatted_numbers(
    texts: pa.Array, number: NumberFormat, written: CellFormat
) -> npt.NDArray[np.float64] | None:
    """Distinct cells are parsed once; None if one is not a number."""
    encoded = texts.dictionary_encode()
    try:
        distinct = [number.parse(text) for text in encoded.dictionary.to_pylist()]
    except ValueError:
        return None
    codes = encoded.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
    return without_missing(np.array([*distinct, np.nan])[codes], written)


def without_missing(
    numbers: npt.NDArray[np.float64], written: CellFormat
) -> npt.NDArray[np.float64]:
    """The numbers (n,), with NaN for those that mean a missing value."""
    if not written.missing_numbers:
        return numbers
    return np.where(np.isin(numbers, written.missing_numbers), np.nan, numbers)
