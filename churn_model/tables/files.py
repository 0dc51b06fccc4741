"""Reads CSV and Parquet files without interpreting their cells."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from churn_model.errors import TableError, first_line
from churn_model.tables.csv_format import encoding_error, fitting_separator
from churn_model.tables.descriptor import CsvFormat

_PARQUET = (".parquet", ".pq")
_UNEVEN_ROW = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
_OPEN_QUOTE = re.compile(r"EOF inside string starting at row (\d+)")


def read_file(path: str | Path, csv_format: CsvFormat) -> pd.DataFrame:
    """The file's rows and columns, with blanks stripped from column names; CSV cells are strings.

    Raises TableError with one line for a file that cannot be read.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".csv", *_PARQUET):
        raise TableError(f"{path}: is neither .csv nor .parquet")
    try:
        raw = pd.read_parquet(path) if suffix in _PARQUET else _read_csv(path, csv_format)
    except TableError:
        raise
    except FileNotFoundError:
        raise TableError(f"{path}: no such file") from None
    except Exception as error:
        reason = first_line(error)
        raise TableError(f"{path}: cannot be read as {suffix[1:]} ({reason})") from None
    return raw.reset_index(drop=True).rename(columns=lambda name: str(name).strip())


def _read_csv(path: Path, csv_format: CsvFormat) -> pd.DataFrame:
    try:
        raw = pd.read_csv(
            path,
            sep=csv_format.separator,
            encoding=csv_format.encoding,
            dtype=str,
            keep_default_na=False,
        )
    except UnicodeError:
        raise encoding_error(path, csv_format.encoding) from None
    except pd.errors.EmptyDataError:
        raise TableError(f"{path}: is empty") from None
    except pd.errors.ParserError as error:
        _reject_wrong_separator(path, csv_format)
        raise TableError(f"{path}: {_explain(str(error))}") from None
    if raw.shape[1] == 1:
        _reject_wrong_separator(path, csv_format)
    return raw


def _reject_wrong_separator(path: Path, csv_format: CsvFormat) -> None:
    """Raise TableError if another separator fits the file."""
    separator = fitting_separator(path, csv_format)
    if separator is not None:
        shown = separator.replace("\t", "\\t")
        raise TableError(
            f"{path}: its cells are not separated by {csv_format.separator!r}; "
            f'[csv] separator = "{shown}" would fit'
        )


def _explain(message: str) -> str:
    """A parser's message in the user's terms."""
    if match := _UNEVEN_ROW.search(message):
        expected, line, seen = match.groups()
        return f"line {line} has {seen} cells instead of {expected}; correct the file"
    if match := _OPEN_QUOTE.search(message):
        return f"the quote that opens in line {int(match[1]) + 1} is never closed; correct the file"
    reason = message.removeprefix("Error tokenizing data. ").removeprefix("C error: ")
    return f"cannot be read as csv ({reason})"
