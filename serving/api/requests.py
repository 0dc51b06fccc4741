"""MLflow's scoring protocol in JSON: a body -> customers and params. Nothing is converted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from churn_model.scoring import OnInvalid
from serving.http.errors import ApiError

_FORMATS = ("dataframe_split", "dataframe_records", "inputs", "instances")
_SPLIT_KEYS = {"columns", "data", "index"}


@dataclass(frozen=True, slots=True)
class Params:
    """How to score."""

    threshold: float | None = None
    explain: bool = False
    on_invalid: OnInvalid = "raise"
    as_of: str | None = None

    @property
    def how(self) -> dict[str, Any]:
        """The options that ``Scorer`` takes for one customer and for many."""
        return {"threshold": self.threshold, "explain": self.explain, "as_of": self.as_of}


@dataclass(frozen=True, slots=True)
class Request:
    """``n`` customers, as records or as columns of plain values, and how to score them."""

    customers: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]
    n: int
    params: Params


def read_json(body: bytes) -> Any:
    """The JSON value of a body. Raises ApiError 400 without repeating any of it."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ApiError(
            400, f"the body is not valid JSON: line {error.lineno}, column {error.colno}"
        ) from None


def _read_mlflow_json(body: bytes) -> Any:
    """The same, and ``NaN`` for null: MLflow's own client writes a missing value so."""
    if b"NaN" not in body:
        return read_json(body)
    try:
        return json.loads(body, parse_constant=_CONSTANTS.get)
    except (ValueError, RecursionError):
        return read_json(body)


_CONSTANTS = {"NaN": None, "Infinity": math.inf, "-Infinity": -math.inf}


def read_object(body: bytes, read: Callable[[bytes], Any] = read_json) -> dict[str, Any]:
    """The JSON object of a body."""
    document = read(body)
    if not isinstance(document, dict):
        raise ApiError(400, "the body must be a JSON object")
    return document


def read_invocation(body: bytes) -> Request:
    """A body of ``/invocations``."""
    document = read_object(body, _read_mlflow_json)
    given = [name for name in _FORMATS if name in document]
    if len(given) != 1:
        raise ApiError(400, f"the body has exactly one of {', '.join(_FORMATS)}")
    data = document[given[0]]
    params = _params(document.get("params"))
    if given[0] == "dataframe_split":
        return Request(*_split(data), params)
    if given[0] == "dataframe_records":
        return Request(records(data, "dataframe_records"), len(data), params)
    return Request(*_tensors(data, given[0]), params)


def records(data: Any, name: str) -> list[Mapping[str, Any]]:
    """A list of objects."""
    if not isinstance(data, list):
        raise ApiError(400, f"{name} is a list of objects")
    return data


def _split(data: Any) -> tuple[dict[str, Sequence[Any]], int]:
    if not isinstance(data, dict) or "data" not in data or set(data) - _SPLIT_KEYS:
        raise ApiError(400, "dataframe_split is an object of columns, data and maybe index")
    columns, rows = data.get("columns"), data["data"]
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise ApiError(400, "dataframe_split.columns is a list of names")
    if len(set(columns)) < len(columns):
        raise ApiError(400, "dataframe_split.columns names a column twice")
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and len(row) == len(columns) for row in rows
    ):
        raise ApiError(400, "dataframe_split.data is a list of rows, as long as columns each")
    index = data.get("index")
    if index is not None and (not isinstance(index, list) or len(index) != len(rows)):
        raise ApiError(400, "dataframe_split.index has an entry for each row")
    cells = zip(*rows, strict=True) if rows else ((),) * len(columns)
    return dict(zip(columns, cells, strict=True)), len(rows)


def _tensors(data: Any, name: str) -> tuple[Any, int]:
    """``inputs`` and ``instances``: records, or an object of columns, or of one customer."""
    if isinstance(data, dict):
        lists = [isinstance(value, list) for value in data.values()]
        if not any(lists):
            return [data], 1
        lengths = {len(value) for value in data.values() if isinstance(value, list)}
        if not all(lists) or len(lengths) != 1:
            raise ApiError(400, f"{name} has columns of different lengths")
        return data, lengths.pop()
    return records(data, name), len(data)


def _params(given: Any) -> Params:
    if given is None:
        return Params()
    if not isinstance(given, dict):
        raise ApiError(400, "params is an object")
    threshold = given.get("threshold")
    explain = given.get("explain", False)
    on_invalid = given.get("on_invalid", "raise")
    if threshold is not None and (
        isinstance(threshold, bool) or not isinstance(threshold, int | float)
    ):
        raise ApiError(400, "params.threshold is a number from 0 to 1")
    if not isinstance(explain, bool):
        raise ApiError(400, "params.explain is true or false")
    if on_invalid not in ("raise", "report"):
        raise ApiError(400, "params.on_invalid is 'raise' or 'report'")
    as_of = given.get("as_of")
    if as_of is not None and not isinstance(as_of, str):
        raise ApiError(400, "params.as_of is a date as 2026-01-31")
    return Params(threshold, explain, on_invalid, as_of)
