"""Detects how a CSV file is written."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import islice
from pathlib import Path

from churn_model.errors import TableError
from churn_model.tables.descriptor import CsvFormat

_SEPARATORS = ",;\t|"
_LINES = 50  # that are examined


def detect_csv_format(path: str | Path, declared: CsvFormat | None = None) -> CsvFormat:
    """How a file is written: its separator, its decimal mark and its encoding.

    ``declared``: the [csv] table of a descriptor. What it sets is not detected; if it sets the
    separator, nothing is. ``decimal`` is among the fields set only if the first lines show which
    mark the file uses. Raises TableError for a file that cannot be decoded, and for duplicate
    column names.
    """
    path, declared = Path(path), declared or CsvFormat()
    if path.suffix.lower() != ".csv":
        return declared
    return csv_format_of(path, _first_lines(path, declared.encoding), declared)


def csv_format_of(path: str | Path, lines: list[str], declared: CsvFormat) -> CsvFormat:
    """How a file is written whose first lines these are. Raises TableError as above."""
    lines = lines[:_LINES]
    if "separator" in declared.model_fields_set:
        _reject_duplicate_columns(path, lines, declared.separator)
        return declared
    separator = best_separator(lines)
    _reject_duplicate_columns(path, lines, separator)
    detected = {"separator": separator}
    if "decimal" not in declared.model_fields_set and (mark := _decimal_mark(lines, separator)):
        detected["decimal"] = mark
    return declared.model_copy(update=detected)


def fitting_separator(path: Path, csv_format: CsvFormat) -> str | None:
    """The separator that fits a file better than the declared one; None if none does."""
    separator = best_separator(_first_lines(path, csv_format.encoding))
    return None if separator == csv_format.separator else separator


def best_separator(lines: list[str]) -> str:
    """The separator that splits the lines into the most even rows; a comma if none does."""
    return max(_SEPARATORS, key=lambda separator: _evenness(lines, separator))


def encoding_error(path: str | Path, encoding: str) -> TableError:
    """The error for a file that is not in ``encoding``."""
    name = "UTF-8" if encoding.lower().startswith("utf-8") else encoding
    return TableError(
        f"{path}: is not encoded in {name}; save it as UTF-8, or set [csv] encoding in a "
        "--dataset descriptor"
    )


def _first_lines(path: Path, encoding: str) -> list[str]:
    try:
        with path.open(encoding=encoding, newline="") as file:
            return list(islice(file, _LINES))
    except FileNotFoundError:
        raise TableError(f"{path}: no such file") from None
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeError:
        raise encoding_error(path, encoding) from None
    except LookupError:
        raise TableError(f"[csv] encoding {encoding!r} does not exist; try 'utf-8'") from None


def _reject_duplicate_columns(path: str | Path, lines: list[str], separator: str) -> None:
    header = next(csv.reader(lines, delimiter=separator), [])
    counts = Counter(name.strip() for name in header)
    duplicates = [name for name, count in counts.items() if name and count > 1]
    if duplicates:
        raise TableError(f"{path}: duplicate column {duplicates[0]!r}; keep one of them")


def _evenness(lines: list[str], separator: str) -> tuple[float, int]:
    """The share of lines with as many cells as the header, and the header's number of cells."""
    sizes = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
    if not sizes or sizes[0] < 2:
        return 0.0, 0
    return sum(size == sizes[0] for size in sizes) / len(sizes), sizes[0]


def _decimal_mark(lines: list[str], separator: str) -> str:
    """A comma if some cells look like 12,5 and none like 12.5; empty if no cell shows it."""
    if separator == ",":
        return "."
    cells = [cell.strip() for row in csv.reader(lines[1:], delimiter=separator) for cell in row]
    marks = {mark for cell in cells for mark in ".," if _is_decimal(cell, mark)}
    return "," if marks == {","} else "." if marks else ""


def _is_decimal(cell: str, mark: str) -> bool:
    """Whether a mark separates decimals: 12,5 and 0,125, but not 1,234, which may be thousands."""
    whole, has_mark, fraction = cell.lstrip("+-").rpartition(mark)
    other = "." if mark == "," else ","
    if not (has_mark and fraction.isdigit() and whole.replace(other, "").isdigit()):
        return False
    return len(fraction) != 3 or len(whole) > 3 or whole.startswith("0")
