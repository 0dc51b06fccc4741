"""MLflow's scoring protocol in JSON: request body -> customers and params.

Values are not converted; validation is the scorer's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import orjson
from msgspec.structs import astuple

from churn_model.scoring import OnInvalid
from churn_model.suggestions import did_you_mean
from churn_model.validation import Checked
from serving.http.content import count_brackets
from serving.http.errors import ApiError
from serving.typed_json import CustomersDecoder

_FORMATS = ("dataframe_split", "dataframe_records", "inputs", "instances")
_SPLIT_KEYS = {"columns", "data", "index"}
_QUERY = ("threshold", "explain", "as_of")
_SHOWN_CHARACTERS = 50
_MOST_NESTED = 4
"""Objects and lists per customer: itself, and ignored fields."""
_DECIMAL = re.compile(r"-?([0-9]{1,20}\.?|[0-9]{0,20}\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
"""float() also reads blanks, underscores and the digits of all scripts."""
PARAMS = ("threshold", "explain", "on_invalid", "as_of")
"""The names of the options in a body."""


@dataclass(frozen=True, slots=True)
class Params:
    """Options of a scoring request."""

    threshold: float | None = None
    explain: bool = False
    on_invalid: OnInvalid = "raise"
    as_of: str | None = None
    options: dict[str, Any] = field(init=False, repr=False, compare=False)
    """The keyword arguments that all methods of ``Scorer`` take."""

    def __post_init__(self) -> None:
        """Make the options once, because most requests have the same ``Params``."""
        options = {"threshold": self.threshold, "explain": self.explain, "as_of": self.as_of}
        object.__setattr__(self, "options", options)


_DEFAULTS = Params()


@dataclass(frozen=True, slots=True)
class Request:
    """``n`` customers and the scoring options.

    The customers are records or columns of plain values, or have been checked while reading and are
    all valid. ``on_phase``: is told when scoring (``score``) and the reply (``reply``) begin.
    """

    customers: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]] | Checked
    n: int
    params: Params
    on_phase: Callable[[str], None] | None = None


def read_json(body: bytes) -> Any:
    """The JSON value of a body. Raises ApiError 400, whose message does not repeat the body."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ApiError(
            400, f"the body is not valid JSON: line {error.lineno}, column {error.colno}"
        ) from None


def without_nan(body: bytes) -> bytes:
    """The body with ``null`` for ``NaN``, as MLflow's own client writes missing values.

    Only the token is replaced, so that the same parser reads all bodies. The time is proportional
    to the length of the body, which a search for texts that are never closed is not.
    """
    if b"NaN" not in body:
        return body
    plain = body.replace(rb"\\", b"__").replace(rb"\"", b"__")  # no escaped quotation marks
    in_text = np.bitwise_xor.accumulate(np.frombuffer(plain, np.uint8) == ord('"'))
    found = np.array([match.start() for match in _NAN.finditer(plain)], np.intp)
    found = found[~in_text[found]]
    written = np.frombuffer(body, np.uint8).copy()
    for offset, letter in enumerate(b"nul"):
        written[found + offset] = letter
    return np.insert(written, found + 3, ord("l")).tobytes()


_NAN = re.compile(rb"NaN")


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises ApiError 400 for any other value."""
    document = read_json(body)
    if not isinstance(document, dict):
        raise ApiError(400, "the body must be a JSON object")
    return document


def reject_nesting(brackets: int, max_rows: int) -> None:
    """Raise ApiError 413 if a body has several times the objects and lists of the most customers.

    The parser holds the interpreter's lock: 16 MB of empty lists would stop all requests ten times
    longer than 16 MB of customers. Brackets in texts count as well, so the bound is generous.
    """
    if brackets > _MOST_NESTED * max_rows + 1000:
        raise too_many_customers(max_rows)


def read_customers(
    body: bytes, params: Params, max_rows: int, decoder: CustomersDecoder | None = None
) -> Request:
    """The request in a body of ``/predict``. Raises ApiError 400, or 413 by ``reject_nesting``.

    ``decoder``: reads valid customers faster; the result is the same without it.
    """
    brackets = count_brackets(body)
    reject_nesting(brackets, max_rows)
    checked = None if decoder is None else decoder.customers(body, brackets, max_rows)
    if checked is not None:
        return Request(checked, checked.n, params)
    document = read_object(body)
    reject_unknown("the body", document, ("customers",))
    customers = records(document.get("customers"), "customers")
    return Request(customers, len(customers), params)


def read_query(query: bytes) -> Params:
    """The options in a query string, such as ``threshold=0.4&explain=true``.

    Raises ApiError 400 for a parameter that is unknown, repeated or invalid.
    """
    if not query:
        return _DEFAULTS
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    given = dict(pairs)
    reject_unknown("the query string", given, _QUERY)
    if len(given) < len(pairs):
        raise ApiError(400, "the query string has a repeated parameter; keep one of each")
    explain = given.get("explain", "false").lower()
    if explain not in ("true", "false", "1", "0"):
        raise ApiError(400, "explain must be true or false")
    threshold = None
    if "threshold" in given:
        if not _DECIMAL.fullmatch(given["threshold"]):
            raise ApiError(400, "threshold must be a number from 0 to 1")
        threshold = float(given["threshold"])
    return Params(threshold, explain in ("true", "1"), as_of=given.get("as_of"))


def reject_unknown(where: str, given: Iterable[str], known: Sequence[str]) -> None:
    """Raise ApiError 400 for the first name that is not known."""
    for name in given:
        if name not in known:
            shown = name[:_SHOWN_CHARACTERS]
            raise ApiError(
                400,
                f"{where} has an unknown entry {shown!r}.{did_you_mean(shown, known)} "
                f"It may have {', '.join(known)}",
            )


def read_invocation(body: bytes, max_rows: int, decoder: CustomersDecoder | None = None) -> Request:
    """The request in a body of ``/invocations``; otherwise as ``read_customers``."""
    brackets = count_brackets(body)
    reject_nesting(brackets, max_rows)
    body = without_nan(body)
    decoded = None if decoder is None else decoder.invocation(body, brackets, max_rows)
    if decoded is not None:
        checked, given = decoded
        return Request(checked, checked.n, Params(*astuple(given)))
    document = read_object(body)
    reject_unknown("the body", document, (*_FORMATS, "params"))
    formats = [name for name in _FORMATS if name in document]
    if len(formats) != 1:
        raise ApiError(400, f"the body must have exactly one of {', '.join(_FORMATS)}")
    (format_,) = formats
    data = document[format_]
    params = read_params(document.get("params"))
    if format_ == "dataframe_split":
        return Request(*_split(data), params)
    if format_ == "dataframe_records":
        return Request(records(data, "dataframe_records"), len(data), params)
    return Request(*_inputs(data, format_), params)


def records(data: Any, name: str) -> list[Mapping[str, Any]]:
    """``data`` if it is a list, as the body's ``name`` must be. Raises ApiError 400."""
    if not isinstance(data, list):
        raise ApiError(400, f"{name} must be a list of objects")
    return data


def _split(data: Any) -> tuple[dict[str, Sequence[Any]], int]:
    if not isinstance(data, dict) or "data" not in data or set(data) - _SPLIT_KEYS:
        raise ApiError(
            400, "dataframe_split must be an object with columns, data and optionally index"
        )
    columns, rows = data.get("columns"), data["data"]
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise ApiError(400, "dataframe_split.columns must be a list of names")
    if len(set(columns)) < len(columns):
        raise ApiError(400, "dataframe_split.columns has a duplicate column")
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and len(row) == len(columns) for row in rows
    ):
        raise ApiError(400, "dataframe_split.data must be a list of rows as long as columns")
    index = data.get("index")
    if index is not None and (not isinstance(index, list) or len(index) != len(rows)):
        raise ApiError(400, "dataframe_split.index must have one entry per row")
    cells = zip(*rows, strict=True) if rows else ((),) * len(columns)
    return dict(zip(columns, cells, strict=True)), len(rows)


def _inputs(data: Any, name: str) -> tuple[Any, int]:
    """``inputs`` or ``instances``: records, an object of columns, or one customer."""
    if isinstance(data, dict):
        lists = [isinstance(value, list) for value in data.values()]
        if not any(lists):
            return [data], 1
        lengths = {len(value) for value in data.values() if isinstance(value, list)}
        if not all(lists) or len(lengths) != 1:
            raise ApiError(400, f"all columns of {name} must have the same length")
        return data, lengths.pop()
    return records(data, name), len(data)


def too_many_customers(max_rows: int) -> ApiError:
    """The reply to a request with more customers than the limit."""
    return ApiError(413, f"the request has more than {max_rows} customers; send fewer")


def read_params(given: Any, name: str = "params") -> Params:
    """The options in the entry ``name`` of a body. Raises ApiError 400."""
    if given is None:
        return Params()
    if not isinstance(given, dict):
        raise ApiError(400, f"{name} must be an object")
    reject_unknown(name, given, PARAMS)
    threshold = given.get("threshold")
    explain = given.get("explain", False)
    on_invalid = given.get("on_invalid", "raise")
    if threshold is not None and (
        isinstance(threshold, bool) or not isinstance(threshold, int | float)
    ):
        raise ApiError(400, f"{name}.threshold must be a number from 0 to 1")
    if not isinstance(explain, bool):
        raise ApiError(400, f"{name}.explain must be true or false")
    if on_invalid not in ("raise", "report"):
        raise ApiError(400, f"{name}.on_invalid must be 'raise' or 'report'")
    as_of = given.get("as_of")
    if as_of is not None and not isinstance(as_of, str):
        raise ApiError(400, f"{name}.as_of must be a date such as 2026-01-31")
    return Params(threshold, explain, on_invalid, as_of)
