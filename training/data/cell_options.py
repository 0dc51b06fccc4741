"""What the user says about the cells of columns: ``--missing`` and ``--format``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pandas as pd

from churn_model.errors import TrainingError
from churn_model.tables.descriptor import TableDescriptor, check_format

D = TypeVar("D", bound=TableDescriptor)

_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_SEPARATORS = re.compile(r"[^\w-]")
"""Blanks, points and commas, which formats of numbers use in different ways."""


@dataclass(frozen=True)
class CellOptions:
    """What is known about the cells of columns.

    ``missing``: the values of a column that mean missing. ``formats``: a column's format.
    ``likely``: formats that are tried before others.
    """

    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    likely: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, missing: Iterable[str], formats: Iterable[str]) -> CellOptions:
        """Read ``COLUMN=VALUE`` and ``COLUMN=FORMAT``. Raises TrainingError."""
        values: dict[str, tuple[str, ...]] = {}
        for column, value in _pairs("--missing", "COLUMN=VALUE, for example Age=-999", missing):
            values[column] = (*values.get(column, ()), value)
        names = {}
        for column, name in _pairs(
            "--format", "COLUMN=FORMAT, for example 'Price=1.234,50' or Signed=DD/MM/YYYY", formats
        ):
            try:
                names[column] = check_format(name)
            except ValueError as error:
                raise TrainingError(f"--format {column}: {error}") from None
        return cls(values, names)

    @property
    def flags(self) -> list[tuple[str, str]]:
        """Each named column, with the flag that names it."""
        named = [("--missing", name) for name in self.missing]
        return named + [("--format", name) for name in self.formats]

    def unused_missing(self, raw: pd.DataFrame) -> tuple[str, ...]:
        """A note for each value of ``--missing`` that no cell of its column (n,) has."""
        return tuple(
            f"--missing: no cell of {column!r} is {value!r}; nothing was changed"
            for column, values in self.missing.items()
            for value in values
            if column in raw and not _may_have(raw[column], value)
        )

    def of(self, column: str) -> CellOptionsOfColumn:
        """What the user says about one column."""
        given, likely = self.formats.get(column, ""), self.likely.get(column, "")
        return CellOptionsOfColumn(self.missing.get(column, ()), given, likely)

    def with_trained(self, descriptor: TableDescriptor, columns: Mapping[str, str]) -> CellOptions:
        """These options, and for all else what a model's descriptor says about its fields.

        ``columns``: field -> column of the table.
        """
        missing = {
            columns[name]: tuple(values)
            for name, values in descriptor.missing_in.items()
            if name in columns
        }
        formats = descriptor.formats.items()
        likely = {columns[name]: written for name, written in formats if name in columns}
        return replace(self, missing=missing | dict(self.missing), likely=likely)

    def added_to(self, dataset: D) -> D:
        """A descriptor with these options for the columns of its fields."""
        missing_in, formats = dict(dataset.missing_in), dict(dataset.formats)
        for name, column in dataset.columns.items():
            given = self.of(column.strip())
            if given.missing:
                missing_in[name] = list(dict.fromkeys([*missing_in.get(name, []), *given.missing]))
            if given.format:
                formats[name] = given.format
        return dataset.model_copy(update={"missing_in": missing_in, "formats": formats})


@dataclass(frozen=True)
class CellOptionsOfColumn:
    """``missing``: the values that mean missing. ``format``: empty to find it out.

    ``likely``: a format to try first; empty for none.
    """

    missing: tuple[str, ...] = ()
    format: str = ""
    likely: str = ""


def _may_have(cells: pd.Series[Any], value: str) -> bool:
    """Whether a column may have a value, which can be written in several ways: -999, -999.0."""
    if not (isinstance(cells.dtype, pd.StringDtype) or cells.dtype == object):
        try:
            return bool((cells == float(value)).any())
        except ValueError:
            return True
    if _ISO_DATE.fullmatch(value):  # which the column may write in another format
        return True
    start = _SEPARATORS.sub("", value)
    texts = pd.Series(cells.dropna().unique()).astype(str)
    return bool(texts.str.replace(_SEPARATORS, "", regex=True).str.startswith(start).any())


def _pairs(flag: str, form: str, given: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in given:
        column, equals, value = text.partition("=")
        if not (column.strip() and equals and value.strip()):
            raise TrainingError(f"{flag} {text!r}: must be {form}")
        yield column.strip(), value.strip()
