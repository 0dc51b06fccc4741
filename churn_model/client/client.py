"""ChurnClient: score customers over HTTP, with any MLflow scoring server of the churn model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from http import HTTPStatus
from types import TracebackType
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import requests
from pydantic import BaseModel
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from typing_extensions import Self
from urllib3.exceptions import ReadTimeoutError
from urllib3.util.retry import Retry

from churn_model.errors import (
    ClientError,
    FieldError,
    InvalidRecords,
    KeyRejected,
    RequestRejected,
    SchemaError,
    ServerFailed,
    TimedOut,
    Unavailable,
)
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.scoring import AsOf, OnInvalid
from churn_model.validation import check_frame, check_records

ClientInput: TypeAlias = pd.DataFrame | Sequence[Mapping[str, Any] | BaseModel]

_CHUNK_ROWS = 10_000
_LONGEST_PAUSE = 60  # seconds; a longer Retry-After is not waited for
_STATUS_ERRORS: dict[int, type[ClientError]] = {
    401: KeyRejected,
    403: KeyRejected,
    408: TimedOut,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: TimedOut,
}


class ChurnClient:
    """Scores customers over a server's ``/invocations``.

    ClientInput are checked before they are sent, because ``mlflow models serve`` would cut a
    fractional whole number to a whole one without a word.

    Args:
        url: The server, for example ``http://localhost:5001``.
        api_key: Sent as ``X-API-Key``.
        timeout: Seconds for a reply to each request, or (seconds to connect, seconds for a reply).
        retries: How often a request is repeated that found no server, 429 or 503. The pause grows
            from half a second on, or is what ``Retry-After`` says.
        chunk_rows: ClientInput a request; more are sent one chunk after the other, in order.
        schema: The record's schema; None leaves all checks to the server. By default it is what the
            server publishes (``python -m serving`` does), else CustomerRecord's: behind ``mlflow
            models serve`` a model of another record needs its schema named here.
        progress: Show a progress bar; None shows it on a terminal when there are several chunks.

    Every error it raises is a ``ChurnError``: InvalidRecords for bad customers, else a ClientError.

    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        timeout: float | tuple[float, float] = (5.0, 60.0),
        retries: int = 3,
        chunk_rows: int = _CHUNK_ROWS,
        schema: RecordSchema | Literal["served"] | None = "served",
        progress: bool | None = None,
    ) -> None:
        if chunk_rows < 1:
            raise ValueError("chunk_rows is at least 1")
        self.url = url.rstrip("/")
        self.timeout = timeout
        self.chunk_rows = chunk_rows
        self.progress = progress
        self._schema = schema
        self._follows = schema == "served"
        self._version: str | None = None
        self._session = _session(api_key, retries)

    def __enter__(self) -> ChurnClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    @property
    def schema(self) -> RecordSchema | None:
        """The record's schema; asked of the server once a model version, where it was not given."""
        if self._schema == "served":
            self._schema = self._served_schema()
        return self._schema

    def _served_schema(self) -> RecordSchema:
        reply = self._request("GET", "/openapi.json")
        if reply.status_code in _STATUS_ERRORS:
            raise _error(reply, [])
        try:
            document = reply.json()["components"]["schemas"]["Customer"]
            return RecordSchema.from_json_schema(document)
        except (ValueError, KeyError, TypeError, SchemaError):
            return CUSTOMER_SCHEMA

    def ping(self) -> bool:
        """True if the server answers and has a model; False if it answers that it has none.

        Raises Unavailable or TimedOut if it does not answer.
        """
        return self._request("GET", "/ping").status_code == HTTPStatus.OK

    def predict(
        self,
        customers: ClientInput,
        *,
        threshold: float | None = None,
        explain: bool = False,
        on_invalid: OnInvalid = "raise",
        as_of: AsOf = None,
    ) -> pd.DataFrame:
        """Score customers: a DataFrame, a list of dicts or a list of records.

        Returns a DataFrame with a row a customer, in order and with a DataFrame's own index:
        identifiers, ``churn_prediction``, ``churn_probability``; with ``explain`` also ``reasons``,
        with ``on_invalid="report"`` also ``error``, which says why a row has no score.
        ``threshold``: probability (0..1) from which on a customer counts as churning, by default
        the model's own. ``as_of``: the day that dates are aged to, by default the server's today;
        only for models that score dates. Raises InvalidRecords (row and field of each) or a
        ClientError.
        """
        rows = _rows(customers)
        index = customers.index if isinstance(customers, pd.DataFrame) else None
        refused = self._check(customers if isinstance(customers, pd.DataFrame) else rows)
        if refused and on_invalid == "raise":
            raise InvalidRecords(refused)
        bad = {error.row for error in refused}
        good = [row for row in range(len(rows)) if row not in bad]
        params: dict[str, Any] = {"explain": explain, "on_invalid": on_invalid}
        if threshold is not None:
            params["threshold"] = threshold
        if as_of is not None:
            params["as_of"] = str(as_of)
        scored = self._send([rows[row] for row in good], good, params)
        if on_invalid == "report":
            scored = self._with_refused(scored, good, rows, refused)
        return pd.DataFrame(
            scored,
            index=index,
            columns=self._columns(scored, explain, on_invalid),
            dtype=object if on_invalid == "report" else None,  # None stays None
        )

    def predict_one(
        self,
        customer: Mapping[str, Any] | BaseModel,
        *,
        threshold: float | None = None,
        explain: bool = False,
        as_of: AsOf = None,
    ) -> dict[str, Any]:
        """Score one customer: identifiers, churn_prediction, churn_probability (and reasons)."""
        frame = self.predict([customer], threshold=threshold, explain=explain, as_of=as_of)
        return {str(name): value for name, value in frame.astype(object).iloc[0].items()}

    def _check(self, customers: pd.DataFrame | list[dict[str, Any]]) -> tuple[FieldError, ...]:
        errors = _errors(customers, self.schema)
        if errors and self._follows:  # the server may have got a schema that takes more
            self._schema = "served"
            errors = _errors(customers, self.schema)
        return errors

    def _send(
        self, rows: list[dict[str, Any]], positions: list[int], params: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Send rows in chunks; ``positions`` are their places in what the caller gave."""
        scored: list[dict[str, Any]] = []
        starts = range(0, len(rows), self.chunk_rows)
        quiet = (None if len(starts) > 1 else True) if self.progress is None else not self.progress
        with tqdm(total=len(rows), unit=" customers", unit_scale=True, disable=quiet) as bar:
            for start in starts:
                chunk = slice(start, start + self.chunk_rows)
                scored += self._invoke(rows[chunk], positions[chunk], params)
                bar.update(len(rows[chunk]))
        return scored

    def _invoke(
        self, rows: list[dict[str, Any]], positions: list[int], params: dict[str, Any]
    ) -> list[dict[str, Any]]:
        names = self._names(rows)
        whole = {c.name for c in self.schema or () if c.kind == "integer"}
        body = {
            "dataframe_split": {
                "columns": names,
                "data": [[_cell(row.get(name), name in whole) for name in names] for row in rows],
            },
            "params": params,
        }
        try:
            data = json.dumps(body, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise RequestRejected(f"these customers cannot be written as JSON: {error}") from None
        reply = self._request(
            "POST", "/invocations", data=data, headers={"Content-Type": "application/json"}
        )
        if reply.status_code != HTTPStatus.OK:
            raise _error(reply, positions)
        try:
            predictions = reply.json()["predictions"]
        except (ValueError, KeyError, TypeError):
            predictions = None
        if not isinstance(predictions, list) or len(predictions) != len(rows):
            raise ServerFailed(f"{self.url} sent no scoring reply", reply.status_code)
        self._note_version(reply.headers.get("X-Model-Version"))
        return predictions

    def _note_version(self, version: str | None) -> None:
        """Ask for the schema again once another version answers."""
        if self._follows and self._version is not None and version != self._version:
            self._schema = "served"
        self._version = version

    def _names(self, rows: list[dict[str, Any]]) -> list[str]:
        """The columns to send: the schema's, or without one all that occur."""
        if self.schema is None:
            return list(dict.fromkeys(name for row in rows for name in row))
        return [c.name for c in self.schema if c.required or any(c.name in row for row in rows)]

    def _columns(
        self, scored: list[dict[str, Any]], explain: bool, on_invalid: OnInvalid
    ) -> list[str] | None:
        """The columns of an empty result; None lets the rows speak."""
        if scored:
            return None
        names = [c.name for c in self.schema.identifiers] if self.schema else []
        names += ["churn_prediction", "churn_probability"]
        return names + ["reasons"] * explain + ["error"] * (on_invalid == "report")

    def _with_refused(
        self,
        scored: list[dict[str, Any]],
        good: list[int],
        rows: list[dict[str, Any]],
        refused: Sequence[FieldError],
    ) -> list[dict[str, Any]]:
        """Put the rows that were refused here back between those that were scored."""
        reasons: dict[int, str] = {}
        for error in refused:
            before = f"{reasons[error.row]}; " if error.row in reasons else ""
            reasons[error.row] = f"{before}{error.field}: {error.msg}"
        messages_by_row = dict(zip(good, scored, strict=True))
        names = [c.name for c in self.schema.identifiers] if self.schema else []
        empty = {"churn_prediction": None, "churn_probability": None}
        return [
            messages_by_row[row]
            if row in messages_by_row
            else {n: rows[row].get(n) for n in names} | empty | {"error": reasons[row]}
            for row in range(len(rows))
        ]

    def _request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        try:
            return self._session.request(method, self.url + path, timeout=self.timeout, **arguments)
        except requests.Timeout:
            raise TimedOut(f"{self.url} did not answer within the timeout") from None
        except requests.ConnectionError:
            raise Unavailable(f"{self.url} cannot be reached; is the server running?") from None
        except requests.RequestException as error:
            raise RequestRejected(f"{self.url}{path}: {error}") from None


class _Retry(Retry):
    """Repeats a request that met no server, but never one that timed out: that took its time."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        *rest: Any,
        **named: Any,
    ) -> Self:
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, *rest, **named)


def _session(api_key: str | None, retries: int) -> requests.Session:
    retry = _Retry(
        total=retries,
        status_forcelist=(429, 503),
        allowed_methods=None,  # scoring changes nothing, so a POST may be repeated
        backoff_factor=0.25,
        backoff_jitter=0.1,
        raise_on_status=False,
        retry_after_max=_LONGEST_PAUSE,
    )
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=retry))
    session.mount("https://", HTTPAdapter(max_retries=retry))
    session.headers["Accept"] = "application/json"
    if api_key is not None:
        session.headers["X-API-Key"] = api_key
    return session


def _errors(
    customers: pd.DataFrame | list[dict[str, Any]], schema: RecordSchema | None
) -> tuple[FieldError, ...]:
    if schema is None:
        return ()
    if isinstance(customers, pd.DataFrame):
        return check_frame(customers, schema).errors
    return check_records(customers, schema).errors


def _rows(customers: ClientInput) -> list[dict[str, Any]]:
    if isinstance(customers, pd.DataFrame):
        if not customers.columns.is_unique:
            raise SchemaError("the DataFrame has two columns of the same name; keep one")
        names = [str(name) for name in customers.columns]
        columns = [customers[name].astype(object).tolist() for name in customers.columns]
        return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return [dict(c.model_dump()) if isinstance(c, BaseModel) else dict(c) for c in customers]


def _cell(value: Any, is_whole: bool) -> Any:
    """A value as JSON writes it: a whole number of a float column as a whole number."""
    value = _plain(value)
    return int(value) if isinstance(value, float) and is_whole else value


def _plain(value: Any) -> Any:
    """A value as JSON writes it: numpy's scalars as Python's, every kind of missing as null."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, date):  # also a datetime, or pandas' own
        return value.isoformat().removesuffix("T00:00:00")
    return value.item() if isinstance(value, np.generic) else value


def _error(reply: requests.Response, positions: list[int]) -> ClientError | InvalidRecords:
    """A reply that is no score, as the error that says what to do about it."""
    try:
        body = reply.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    errors = [e for entry in body.get("errors") or () if (e := _field_error(entry, positions))]
    if errors:
        return InvalidRecords(errors, body.get("error_count"))
    status = reply.status_code
    kind = _STATUS_ERRORS.get(status, ServerFailed if status >= 500 else RequestRejected)
    message = str(body.get("message") or reply.reason).rsplit("\nError: ", 1)[-1]
    return kind(f"{status}: {message}", status, reply.headers.get("X-Request-ID"))


def _field_error(entry: Any, positions: list[int]) -> FieldError | None:
    """One entry of a reply's ``errors``, its row counted in what the caller gave."""
    try:
        _, row, field = entry["loc"]
        return FieldError(positions[row], str(field), str(entry["type"]), str(entry["msg"]))
    except (KeyError, TypeError, ValueError, IndexError):
        return None
