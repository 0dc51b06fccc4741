"""CSV and Parquet files as tables, nothing in them interpreted."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import islice
from pathlib import Path

import pandas as pd

from churn_model.errors import TableError
from churn_model.tables.descriptor import CsvFormat

_SEPARATORS = ",;\t|"
_LOOKED_AT = 50  # lines


def read_file(path: str | Path, csv_format: CsvFormat) -> pd.DataFrame:
    """The file's rows and columns; a CSV's cells are texts, its names without blanks around them.

    Raises TableError with one line for a file that cannot be read.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    try:
        if suffix in (".parquet", ".pq"):
            raw = pd.read_parquet(path)
        elif suffix == ".csv":
            raw = pd.read_csv(
                path,
                sep=csv_format.separator,
                encoding=csv_format.encoding,
                dtype=str,
                keep_default_na=False,
            )
        else:
            raise TableError(f"{path}: is neither .csv nor .parquet")
    except TableError:
        raise
    except FileNotFoundError:
        raise TableError(f"{path}: no such file") from None
    except pd.errors.EmptyDataError:
        raise TableError(f"{path}: is empty") from None
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TableError(f"{path}: cannot be read as {suffix[1:]} ({reason})") from None
    return raw.reset_index(drop=True).rename(columns=lambda name: str(name).strip())


def detect_csv_format(path: str | Path) -> CsvFormat:
    """How a CSV file is written, by its first lines: the separator that cuts them most evenly.

    Raises TableError for a file that is no UTF-8, and for two columns of the same name.
    """
    path = Path(path)
    if path.suffix.lower() != ".csv":
        return CsvFormat()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(islice(file, _LOOKED_AT))
    except FileNotFoundError:
        raise TableError(f"{path}: no such file") from None
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise TableError(
            f"{path}: is no UTF-8; save it as UTF-8, or name its encoding in a --dataset"
        ) from None
    separator = max(_SEPARATORS, key=lambda separator: _evenness(lines, separator))
    header = next(csv.reader(lines, delimiter=separator), [])
    twice = [name for name, count in Counter(map(str.strip, header)).items() if count > 1]
    if twice:
        raise TableError(f"{path}: has two columns named {twice[0]!r}; keep one")
    return CsvFormat(separator=separator, decimal=_decimal(lines, separator))


def _evenness(lines: list[str], separator: str) -> tuple[float, int]:
    """The share of lines that have as many cells as the header, and how many these are."""
    rows = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
    if not rows or rows[0] < 2:
        return 0.0, 0
    return sum(cells == rows[0] for cells in rows) / len(rows), rows[0]


def _decimal(lines: list[str], separator: str) -> str:
    """A comma where cells look like 12,5 and none like 12.5."""
    if separator == ",":
        return "."
    cells = [cell.strip() for row in csv.reader(lines[1:], delimiter=separator) for cell in row]
    found = {mark for cell in cells for mark in ".," if _is_decimal(cell, mark)}
    return "," if found == {","} else "."


def _is_decimal(cell: str, mark: str) -> bool:
    before, found, after = cell.lstrip("+-").partition(mark)
    return bool(found) and before.isdigit() and after.isdigit()
