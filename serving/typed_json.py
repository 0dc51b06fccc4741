"""Decoders of JSON bodies, made for the schema of the served model.

They read valid bodies in a third of the time of the functions that read all bodies and give the
error messages: those of ``serving.api.requests``, and ``Scorer.score_json`` for a single customer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import DecodeError, Struct, defstruct
from msgspec.json import Decoder
from msgspec.structs import astuple

from churn_model.schema import RecordSchema
from churn_model.validation import Checked
from serving.typed_rows import TypedRowChecker, row_type

_BYTES_PER_CELL = 4
"""Fewer bytes than a field takes in JSON. A row has space for all fields of the schema, so a body
whose customers have few of many fields is read as dictionaries, which need less memory."""


class TypedParams(Struct, forbid_unknown_fields=True):
    """The entry ``params`` of a body of ``/invocations``."""

    threshold: float | None = None
    explain: bool = False
    on_invalid: Literal["raise", "report"] = "raise"
    as_of: str | None = None


class CustomersDecoder:
    """Reads the bodies of the scoring routes, of ``/invocations`` those of records."""

    def __init__(self, schema: RecordSchema) -> None:
        self._checker = TypedRowChecker(schema)
        self._cells_per_row = len(schema.columns)
        row: Any = row_type(schema)
        customers = defstruct("Customers", [("customers", list[row])], forbid_unknown_fields=True)
        self._customers: Decoder[Any] = Decoder(customers)
        invocation = defstruct(
            "Invocation",
            [("dataframe_records", list[row]), ("params", TypedParams | None, None)],
            forbid_unknown_fields=True,
        )
        self._invocation: Decoder[Any] = Decoder(invocation)
        self._customer: Decoder[Any] = Decoder(row_type(schema, is_checked=True))

    def customers(self, body: bytes, brackets: int, max_rows: int) -> Checked | None:
        """The customers of a body of ``/predict``, all valid; None for any other body.

        Also None for a single customer, whom other functions score faster, and for more than
        ``max_rows``. ``brackets``: as ``count_brackets`` counts them.
        """
        decoded = self._decode(self._customers, body, brackets)
        return None if decoded is None else self._check(decoded.customers, max_rows)

    def invocation(
        self, body: bytes, brackets: int, max_rows: int
    ) -> tuple[Checked, TypedParams] | None:
        """Customers and params of a body of ``/invocations``; otherwise as ``customers``."""
        decoded = self._decode(self._invocation, body, brackets)
        if decoded is None:
            return None
        checked = self._check(decoded.dataframe_records, max_rows)
        return None if checked is None else (checked, decoded.params or TypedParams())

    def customer(self, body: bytes) -> tuple[Any, ...] | None:
        """The cells of a valid customer, as ``Scorer.score_cells`` takes them.

        None for any other body, and for a valid customer with a field that the schema ignores.
        """
        try:
            return astuple(self._customer.decode(body))
        except (DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def _decode(self, decoder: Decoder[Any], body: bytes, brackets: int) -> Any:
        most_rows = brackets - 2  # the object and the list around them
        if most_rows * self._cells_per_row * _BYTES_PER_CELL > len(body):
            return None
        try:
            return decoder.decode(body)
        except (DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def _check(self, rows: Sequence[Struct], max_rows: int) -> Checked | None:
        return self._checker.check(rows) if 1 < len(rows) <= max_rows else None


def customers_decoder(schema: RecordSchema) -> CustomersDecoder | None:
    """The decoder of a schema; None if msgspec does not support the name of a field."""
    try:
        return CustomersDecoder(schema)
    except ValueError:
        return None
