"""``ChurnClient`` scores customers over HTTP with any MLflow scoring server of the churn model."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence, Set
from http import HTTPStatus
from types import TracebackType
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel
from tqdm import tqdm

from churn_model.client.encoding import ClientInput, Row, encode, rows_of
from churn_model.client.parameters import check_numbers, checked_key, checked_url
from churn_model.client.transport import STATUS_ERRORS, Transport, backoff, response_error
from churn_model.errors import (
    FieldError,
    InvalidRecords,
    RequestRejected,
    SchemaError,
    ServerFailed,
    VersionChanged,
    messages_by_row,
)
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.scoring import EXPECTED_PROFIT, AsOf, OnInvalid
from churn_model.validation import check_frame, check_records

_CHUNK_ROWS = 10_000
_VERSION = "model_version"
_RESTARTS = 6
"""How often a table is scored again after the model version has changed. The pauses are 15 seconds
in total, because all workers of ``churn serve`` switch within 10 seconds by default."""


class ChurnClient:
    """Scores customers through a server's ``/invocations``.

    Customers are validated before they are sent, because ``mlflow models serve`` silently truncates
    a float such as 30.7 to an integer.

    Args:
        url: The server, for example ``http://localhost:5001``.
        api_key: Sent in the header ``X-API-Key``, and only to this server: redirects to another
            server are not followed. Whitespace around the key is ignored.
        timeout: Seconds to wait for each response, or (seconds to connect, seconds to respond).
        retries: How often to repeat a request after a failed connection, an incomplete response,
            429 or 503. The pause is the response's ``Retry-After``, otherwise it grows from half a
            second.
        max_wait: The most seconds to pause in total before one request succeeds. If the server asks
            for more, Unavailable is raised at once, with ``retry_after``.
        chunk_rows: The most customers per request; more are sent in several requests, in order.
            Chunks that are too large for the server (413) are halved.
        schema: The record's schema; None leaves all validation to the server. By default the
            client uses the schema that the server publishes (``churn serve`` does), otherwise
            CustomerRecord's. Pass the schema if ``mlflow models serve`` serves another record.
        mixed_versions: Whether several model versions may score one table. By default, all of it is
            scored again if the version changes between two requests; if it keeps changing,
            VersionChanged is raised. ``mlflow models serve`` does not report its version.
        progress: Whether to show a progress bar; None shows it on a terminal if there are several
            requests.

    It raises only ``ChurnError``: InvalidParameter for an invalid argument, InvalidRecords for
    invalid customers, SchemaError for duplicate columns, otherwise a ClientError. No message
    contains the key, or a password in the URL.

    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        timeout: float | tuple[float, float] = (5.0, 60.0),
        retries: int = 3,
        max_wait: float = 60.0,
        chunk_rows: int = _CHUNK_ROWS,
        schema: RecordSchema | Literal["served"] | None = "served",
        mixed_versions: bool = False,
        progress: bool | None = None,
    ) -> None:
        check_numbers(timeout, retries, max_wait, chunk_rows)
        self.url = checked_url(url)
        self.chunk_rows = chunk_rows
        self.mixed_versions = mixed_versions
        self.progress = progress
        self._schema = schema
        self._uses_served_schema = schema == "served"
        self._model_version: str | None = None
        self._has_campaign = False
        self._transport = Transport(self.url, checked_key(api_key), timeout, retries, max_wait)

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
        self._transport.close()

    @property
    def schema(self) -> RecordSchema | None:
        """The record's schema. A served schema is requested once per model version."""
        if self._schema == "served":
            self._schema = self._request_schema()
        return self._schema

    def _request_schema(self) -> RecordSchema:
        response = self._transport.get("/openapi.json")
        if response.status_code in STATUS_ERRORS:
            raise response_error(response)
        try:
            schemas = response.json()["components"]["schemas"]
            self._has_campaign = EXPECTED_PROFIT in schemas.get("Score", {}).get("properties", ())
            return RecordSchema.from_json_schema(schemas["Customer"])
        except (ValueError, KeyError, TypeError, SchemaError):
            return CUSTOMER_SCHEMA

    def ping(self) -> bool:
        """Whether the server has a model. Raises Unavailable or TimedOut if it does not answer."""
        return self._transport.get("/ping").status_code == HTTPStatus.OK

    def predict(
        self,
        customers: ClientInput,
        *,
        threshold: float | None = None,
        explain: bool = False,
        on_invalid: OnInvalid = "raise",
        as_of: AsOf = None,
    ) -> pd.DataFrame:
        """Score n customers: a DataFrame, a list of dicts or a list of records.

        Returns a DataFrame (n rows) in the same order and with the index of a DataFrame passed in:
        identifiers, ``churn_prediction`` and ``churn_probability``; from a model with a campaign
        also ``expected_profit``, missing where the revenue is; with ``explain`` also
        ``reasons``; with ``on_invalid="report"`` also ``error``, the reason why a row has no score.
        ``threshold``: the probability (0..1) from which a customer is predicted to churn, by
        default the model's own. ``as_of``: the day of scoring for models with dates, by default
        the server's current day. ``attrs["model_version"]`` is the version that scored all n
        customers, or None if the server does not report it (``mlflow models serve``), several
        versions did (``mixed_versions``, or the server has a canary), or there was no customer to
        score. While the server has a canary, the column ``model_version`` names each customer's
        version. Raises
        InvalidRecords, SchemaError or a ClientError.
        """
        rows = rows_of(customers)
        params = _params(threshold, explain, on_invalid, as_of)
        for attempt in range(_RESTARTS + 1):
            try:
                return self._predict(customers, rows, params)
            except VersionChanged:
                if attempt == _RESTARTS:
                    raise
                time.sleep(backoff(attempt))
        raise AssertionError("the last attempt returns or raises")

    def _predict(
        self, customers: ClientInput, rows: list[Row], params: Mapping[str, Any]
    ) -> pd.DataFrame:
        on_invalid: OnInvalid = params["on_invalid"]
        index = customers.index if isinstance(customers, pd.DataFrame) else None
        errors = self._check(customers if isinstance(customers, pd.DataFrame) else rows)
        if errors and on_invalid == "raise":
            raise InvalidRecords(errors)
        invalid = {error.row for error in errors}
        positions = [position for position in range(len(rows)) if position not in invalid]
        scores, version = self._score([rows[position] for position in positions], positions, params)
        if on_invalid == "report":
            by_position = dict(zip(positions, scores, strict=True))
            scores = self._with_invalid(by_position, rows, errors, params["explain"])
        frame = pd.DataFrame(
            scores,
            index=index,
            columns=None if scores else self._output_columns(params["explain"], on_invalid),
            dtype=object if on_invalid == "report" else None,  # object columns can hold None
        )
        frame.attrs["model_version"] = _only_version(frame, version)
        return frame

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

    def _check(self, customers: pd.DataFrame | list[Row]) -> Sequence[FieldError]:
        errors = _field_errors(customers, self.schema)
        if errors and self._uses_served_schema:  # a newer model version may accept more
            self._schema = "served"
            errors = _field_errors(customers, self.schema)
        return errors

    def _score(
        self, rows: list[Row], positions: list[int], params: Mapping[str, Any]
    ) -> tuple[list[Row], str | None]:
        """Send rows in chunks; ``positions`` are their positions in the caller's input.

        Returns the scores, and the version that computed all of them. A chunk that is too large for
        the server is halved, and so are all chunks after it. Raises VersionChanged if the scores
        must be computed again.
        """
        scores: list[Row] = []
        versions: set[str | None] = set()
        size = self.chunk_rows
        with self._progress_bar(len(rows)) as bar:
            while len(scores) < len(rows):
                chunk = slice(len(scores), len(scores) + size)
                n = len(rows[chunk])
                try:
                    chunk_scores, version = self._score_chunk(rows[chunk], positions[chunk], params)
                except RequestRejected as error:
                    if error.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE or n == 1:
                        raise
                    size = (n + 1) // 2
                    continue
                self._note_version(version)
                versions.add(version)
                if len(versions) > 1 and not self.mixed_versions:
                    raise _version_changed(versions)
                scores += chunk_scores
                bar.update(n)
        return scores, versions.pop() if len(versions) == 1 else None

    def _progress_bar(self, rows: int) -> tqdm[Any]:
        # tqdm's None means: only on a terminal
        automatic = None if rows > self.chunk_rows else True
        disable = automatic if self.progress is None else not self.progress
        return tqdm(total=rows, unit=" customers", unit_scale=True, disable=disable)

    def _score_chunk(
        self, rows: list[Row], positions: list[int], params: Mapping[str, Any]
    ) -> tuple[list[Row], str | None]:
        """The scores of one request, and the model version if the server reports it."""
        response = self._transport.post_json("/invocations", encode(rows, self.schema, params))
        if response.status_code != HTTPStatus.OK:
            raise response_error(response, positions)
        try:
            scores = response.json()["predictions"]
        except (ValueError, KeyError, TypeError):
            scores = None
        if not isinstance(scores, list) or len(scores) != len(rows):
            raise ServerFailed(
                f"the response of {self._transport.name} does not contain one score per customer",
                response.status_code,
            )
        return scores, response.headers.get("X-Model-Version") or None

    def _note_version(self, version: str | None) -> None:
        """Request the schema again once another model version has answered.

        Raises VersionChanged if the schema differs from the one that the request was written with.
        """
        previous, self._model_version = self._model_version, version
        if not self._uses_served_schema or previous in (None, version):
            return
        schema, self._schema = self._schema, "served"
        if self.schema != schema and not self.mixed_versions:
            raise _version_changed({previous, version})

    def _with_invalid(
        self,
        scores: Mapping[int, Row],
        rows: list[Row],
        errors: Sequence[FieldError],
        explain: bool,
    ) -> list[Row]:
        """Insert the rows that this client rejected; ``scores`` are keyed by position."""
        messages = messages_by_row(errors, len(rows))
        names = [column.name for column in self.schema.identifiers] if self.schema else []
        outputs = self._score_columns(scores.values())
        return [
            scores[position]
            if position in scores
            else {name: row.get(name) for name in names}
            | dict.fromkeys(outputs)
            | ({"reasons": []} if explain else {})
            | {"error": messages[position]}
            for position, row in enumerate(rows)
        ]

    def _score_columns(self, scores: Collection[Row]) -> list[str]:
        """The names of a score's parts: as in the first of ``scores``, or as the server says."""
        first = next(iter(scores), None)
        with_profit = self._has_campaign if first is None else EXPECTED_PROFIT in first
        return ["churn_prediction", "churn_probability"] + [EXPECTED_PROFIT] * with_profit

    def _output_columns(self, explain: bool, on_invalid: OnInvalid) -> list[str]:
        names = [column.name for column in self.schema.identifiers] if self.schema else []
        names += self._score_columns(())
        return names + ["reasons"] * explain + ["error"] * (on_invalid == "report")


def _params(
    threshold: float | None, explain: bool, on_invalid: OnInvalid, as_of: AsOf
) -> dict[str, Any]:
    params: dict[str, Any] = {"explain": explain, "on_invalid": on_invalid}
    if threshold is not None:
        params["threshold"] = threshold
    if as_of is not None:
        params["as_of"] = str(as_of)
    return params


def _only_version(frame: pd.DataFrame, served: str | None) -> str | None:
    """The version that scored all customers, the one ``served`` unless the rows name theirs."""
    if _VERSION not in frame:
        return served
    versions = set(frame[_VERSION].dropna())
    return versions.pop() if len(versions) == 1 else None


def _version_changed(versions: Set[str | None]) -> VersionChanged:
    names = " and ".join(sorted(version or "unknown" for version in versions))
    return VersionChanged(
        f"the server keeps changing its model version ({names}); score again once all its workers "
        "serve the same version, or pass mixed_versions=True"
    )


def _field_errors(
    customers: pd.DataFrame | list[Row], schema: RecordSchema | None
) -> Sequence[FieldError]:
    if schema is None:
        return ()
    if isinstance(customers, pd.DataFrame):
        return check_frame(customers, schema).errors
    return check_records(customers, schema).errors
