"""Checks a batch of rows: the valid ones as the model's columns, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pyarrow as pa

from churn_model.errors import TableError
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.suggestions import did_you_mean
from churn_model.tables.arrow_table import check_arrow_columns
from churn_model.tables.descriptor import TableDescriptor
from churn_model.tables.reading.checked_rows import ERROR, RULES, CheckedRows, checked_rows
from churn_model.tables.typed import plain, to_series
from churn_model.tables.utf8 import as_text, plain_strings, undecoded_rows
from churn_model.validation import Checked, check_records
from churn_model.validation.cells import Cells
from churn_model.validation.field_errors import ErrorGroup, FieldErrors
from churn_model.validation.rules import Rule
from churn_model.validation.series import read_series

Form = Literal["typed", "text", "lines"]
"""How a source stores a row: in typed columns, in columns of strings, or as a JSON line."""

FORMS: dict[str, Form] = {"parquet": "typed", "csv": "text", "json": "lines", "table": "typed"}
"""How the formats store rows; ``table`` is one of Spark's catalog."""

LINE = "value"
"""The only column of a source with JSON lines: their bytes."""

CORRUPT = "corrupt_line"
"""The column for CSV rows with more or fewer cells than the header: the unchanged row."""

_INVALID_JSON: Rule = ("json_invalid", "is not valid JSON")
_NOT_UTF8: Rule = ("string_unicode", "is not valid UTF-8")
_NOT_UNICODE: Rule = ("string_unicode", "must be valid Unicode")
_UNEVEN: Rule = ("csv_row", "has more or fewer cells than the header")


@dataclass(frozen=True)
class RowChecker:
    """Checks the batches of one source. It can be pickled, because Spark sends it to executors.

    ``folders``: the columns whose values are names of folders (``column=value``), and are strings
    also if the other columns have types. ``is_mapped``: whether the command has the flag
    ``--columns``, which maps columns to fields.
    """

    schema: RecordSchema
    descriptor: TableDescriptor
    form: Form
    source: str
    folders: tuple[str, ...] = ()
    is_mapped: bool = True

    def with_folders(self, names: Sequence[str]) -> RowChecker:
        """The same for a source with these columns in the names of folders.

        Raises TableError if JSON lines, which have no columns, would need one of them.
        """
        fields = sorted({*names} & {*self.descriptor.columns.values()})
        if fields and self.form == "lines":
            raise TableError(
                f"{self.source}: folders are named {fields[0]}=..., but a field of JSON lines must "
                "be in the lines; add it to them, or rename the folders"
            )
        return replace(self, folders=tuple(names))

    def columns(self, names: Sequence[str]) -> dict[str, str]:
        """The source's columns of the schema's fields: field -> column.

        Blanks and a byte-order mark around the names are ignored. Raises TableError for a required
        field without a column, if no field has one, for a duplicate column, and for the columns of
        rejected rows.
        """
        if self.form == "lines":
            return {}
        self._check_reserved(names)
        names = [name for name in names if name != CORRUPT]
        by_plain_name: dict[str, list[str]] = {}
        for name in names:
            plain = name.strip().removeprefix("\ufeff").strip()
            by_plain_name.setdefault(plain, []).append(name)
        columns: dict[str, str] = {}
        for column in self.schema:
            if column.name not in self.descriptor.columns:
                continue  # an optional field that the descriptor omits
            wanted = self.descriptor.columns[column.name].strip()
            matches = by_plain_name.get(wanted, [])
            if len(matches) > 1:
                raise TableError(
                    f"{self.source}: column {wanted!r} occurs {len(matches)} times; keep one"
                )
            if matches:
                columns[column.name] = matches[0]
            elif column.required:
                raise self._missing_column(column, wanted, names)
        if not columns:  # although all fields are optional
            raise TableError(
                f"{self.source}: has no column of the model. {self._advice(names)}; the "
                f"columns are {', '.join(map(repr, names[:50]))}"
            )
        return columns

    def _check_reserved(self, names: Sequence[str]) -> None:
        for name in (ERROR, RULES):
            if name in names:
                raise TableError(
                    f"{self.source}: column {name!r} is reserved for the reasons of rejected rows; "
                    "rename it"
                )

    def _missing_column(self, column: Column, wanted: str, names: Sequence[str]) -> TableError:
        return TableError(
            f"{self.source}: has no column {wanted!r} for the required field {column.name!r}."
            f"{did_you_mean(wanted, names)} {self._advice(names)}; the columns are "
            f"{', '.join(map(repr, names[:50]))}"
        )

    def _advice(self, names: Sequence[str]) -> str:
        if self.is_mapped:
            return f"Map columns to fields with --columns{_separator_hint(names)}"
        more = ", and separate them by commas" if _is_one_name(names) else ""
        return f"Give the columns the names of the fields{more}"

    def __call__(self, batch: pa.RecordBatch) -> CheckedRows:
        """Check a batch (n rows)."""
        if self.form == "lines":
            return self._check_lines(batch.column(LINE).to_pylist())
        names = self.columns(batch.schema.names)
        plain_columns = {field: plain(batch.column(name)) for field, name in names.items()}
        arrays = {
            column.name: self._array(column, names[column.name], plain_columns[column.name])
            for column in self.schema
            if column.name in names
        }
        checked = check_arrow_columns(
            arrays,
            self.schema,
            self.descriptor,
            lambda field: self._is_text(names[field]),
            _identifiers_of_arrow,
        )
        checked = self._reject_undecoded(checked, plain_columns, arrays)
        if CORRUPT in batch.schema.names and self.form == "text":
            uneven = batch.column(CORRUPT).is_valid().to_numpy(zero_copy_only=False)
            checked = _reject_rows(checked, np.flatnonzero(uneven), _UNEVEN)
        identifiers = {
            column.name: as_text(arrays[column.name])
            for column in self.schema.identifiers
            if column.name in arrays
        }
        return checked_rows(checked, identifiers, self.schema)

    def _reject_undecoded(
        self, checked: Checked, columns: Mapping[str, pa.Array], arrays: Mapping[str, pa.Array]
    ) -> Checked:
        """Reject the rows whose identifier is not valid UTF-8: two of them could look equal.

        ``columns``: as in the batch. ``arrays``: the same, with U+FFFD for invalid UTF-8; a column
        that is the same object in both is valid.
        """
        for column in self.schema.identifiers:
            found = columns.get(column.name)
            rows = [] if found is arrays.get(column.name) else undecoded_rows(found)
            rejected = np.array(rows, dtype=np.intp)
            checked = _reject_rows(checked, rejected, _NOT_UNICODE, column.name)
        return checked

    def _is_text(self, name: str) -> bool:
        """Whether the cells of a column are parsed as text."""
        return self.form == "text" or name in self.folders

    def _array(self, column: Column, name: str, array: pa.Array) -> pa.Array:
        """A column (n,), with U+FFFD for invalid UTF-8 except in strings of a category."""
        if column.kind != "category":
            array = plain_strings(array)
        return as_text(array) if self._is_text(name) else array

    def _check_lines(self, lines: Sequence[str | bytes | None]) -> CheckedRows:
        records: list[Any] = []
        broken: list[int] = []
        undecoded: list[int] = []
        for row, line in enumerate(lines):
            try:
                record, decoded = parse_line(line or b"")
            except orjson.JSONDecodeError:
                record, decoded = {}, True
                broken.append(row)
            records.append(record)
            if not decoded:
                undecoded.append(row)
        columns = self.descriptor.columns
        if any(field != name for field, name in columns.items()):
            records = [
                {field: record.get(name) for field, name in columns.items()}
                if isinstance(record, Mapping)
                else record
                for record in records
            ]
        checked = check_records(records, self.schema)
        if broken:
            checked = _reject_rows(checked, np.array(broken), _INVALID_JSON)
        accepted = [row for row in undecoded if checked.valid[row]]
        if accepted:
            checked = _reject_rows(checked, np.array(accepted), _NOT_UTF8)
        identifiers = {
            name: pa.array(
                [
                    value if ok else None
                    for value, ok in zip(values, checked.valid.tolist(), strict=True)
                ],
                pa.string(),
            )
            for name, values in checked.identifiers.items()
        }
        return checked_rows(checked, identifiers, self.schema)


def _identifiers_of_arrow(column: Column, array: pa.Array) -> Cells:
    """Identifiers (n,) that stay with Arrow, because results repeat the columns."""
    if array.null_count:
        return read_series(column, to_series(array))
    return Cells(pd.arrays.ArrowExtensionArray(array))  # faster than through a series


def _is_one_name(names: Sequence[str]) -> bool:
    """Whether the header of a CSV file was probably read with the wrong separator."""
    return len(names) == 1 and bool({";", "\t", "|"} & set(names[0]))


def _separator_hint(names: Sequence[str]) -> str:
    """What to do about a CSV file whose header was read as one name."""
    if _is_one_name(names):
        return (
            " (the header was read as one name; if the separator is another one, set it in the "
            "file for --columns, as the dataset.toml of the training run does)"
        )
    return ""


def parse_line(line: str | bytes) -> tuple[Any, bool]:
    """The value of a JSON line, and whether the line is valid UTF-8.

    If it is not, the strings at its top level that contain the invalid bytes are not valid Unicode,
    so that no two of them become equal. Raises orjson.JSONDecodeError.
    """
    try:
        text = line if isinstance(line, str) else line.decode()
    except UnicodeDecodeError:
        record = orjson.loads(line.decode(errors="replace"))  # type: ignore[union-attr]
        if isinstance(record, dict):
            record = {
                name: value.replace("\ufffd", "\udcff") if isinstance(value, str) else value
                for name, value in record.items()
            }
        return record, False
    return orjson.loads(text), True


def _reject_rows(
    checked: Checked, rows: npt.NDArray[Any], reason: Rule, field: str = ""
) -> Checked:
    """Reject whole rows: the reason replaces the errors of their cells."""
    if not len(rows):
        return checked
    others = checked.errors.without_rows(rows, checked.n)
    valid = checked.valid.copy()
    valid[rows] = False
    errors = FieldErrors([ErrorGroup(field, *reason, np.sort(rows)), *others.groups])
    return replace(checked, valid=valid, errors=errors)
